"""Scalar quantisation: every number of a latent vector by itself."""

import math

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.processes import replica_part
from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.symbols import NUMBER, Symbol
from umbed_keras.configs import with_parts
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.rate import Bits, entropy

# Codes are told apart as one index, and counted, where there are no more than this.
MAX_ENTRIES = 2**16
# How far the outermost level lies inside the bound (Mentzer et al. 2023).
MARGIN = 1e-3
# What latents may be multiplied by before they are bounded.
GAINS = np.geomspace(0.2, 2, 24)


@keras.saving.register_keras_serializable(package="umbed_keras")
class ScalarQuantizer(Bottleneck):
    """Rounds every entry of a latent vector, to a few levels or to integers with a learned cost.

    With `levels`, finite scalar quantisation (FSQ; Mentzer, Minnen, Agustsson & Tschannen 2023):
    an entry is bounded by a hyperbolic tangent and rounded to its number of levels. Nothing is
    learned; `adapt` sets by what entries are multiplied before and after. Codes are
    `{"indices"}`, int32 `(..., latent_dim)`, from 0 to the number of levels less 1; `to_index`
    makes one of them.

    Without, entries become multiples of a step that is learned for each, and a density is learned
    that says what they cost (Balle et al. 2018): the loss is `rate_weight` times the bits of a
    vector. Of the nearest integer and the next one towards 0, the code is that of less squared
    error plus cost. While training, entries learn from the cost with uniform noise in place of
    rounding, the density from the integers, which the decoder gets, too (Minnen & Singh 2020).
    Codes are `{"indices"}`, int32 `(..., latent_dim)`, any integers.

    With a `context`, the density of each integer depends on those around it in a map of vectors
    `(batch, rows, cols, latent_dim)`, which latents then must be. The codes are the same.

    Either way the derivative is that of what was rounded (straight-through).

    Args:
        latent_dim: int, size of the latent vector.
        levels: int or `latent_dim` ints of at least 2, levels of each entry; None learns a
            density.
        rate_weight: float above 0, squared error (mean over what is rebuilt) that a bit of a
            vector is worth. Steps start where that is what a bit buys, at high rates.
        context: `ScalarContext` of `latent_dim` channels, or None for a `FactorizedDensity`.
        seed: int, of the noise and the density's start.
    """

    def __init__(self, latent_dim, levels=None, rate_weight=1e-5, context=None, seed=0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if context is not None and (levels is not None or context.channels != self.latent_dim):
            raise ValueError(
                "`context` goes without `levels`, and has `latent_dim` channels. Received: "
                f"levels={levels}, latent_dim={latent_dim}, context.channels={context.channels}"
            )
        if not rate_weight > 0:
            raise ValueError(f"`rate_weight` must be above 0. Received: {rate_weight}")
        self.levels = None if levels is None else self._checked(levels)
        self.rate_weight = float(rate_weight)
        self.seed = seed
        self.context = context
        if self.levels is None:
            self.density = context or FactorizedDensity(
                self.latent_dim, seed, dtype="float32", name="density"
            )
            self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def unit_variance(self):
        # Levels are few, and where they lie is fixed; steps are as fine as errors must be.
        return self.levels is not None

    @property
    def num_entries(self):
        if self.levels is None:
            return None
        count = math.prod(self.levels)
        return count if count <= MAX_ENTRIES else None

    @property
    def num_indices(self):
        return None if self.levels is None else np.array(self.levels)

    @property
    def starting_step(self):
        """The step whose error, its square / 12, grows by `rate_weight` for a bit saved.

        A bit less in a vector enlarges the steps of its `latent_dim` entries by 2^(1/latent_dim).
        """
        return math.sqrt(12 * self.rate_weight * self.latent_dim / (2 * math.log(2)))

    def build(self, input_shape=None):
        if self.levels is not None:
            self.gain = add_state(self, "gain", (self.latent_dim,), "ones")
            self.scale = add_state(self, "scale", (self.latent_dim,), "ones")
            return
        self.log_steps = self.add_weight(
            name="log_steps",
            shape=(self.latent_dim,),
            initializer=keras.initializers.Constant(math.log(self.starting_step)),
            autocast=False,
        )
        if not self.density.built:
            self.density.build()
            self.density.built = True

    @property
    def steps(self):
        """Between what neighbouring integers stand for, float32 `(latent_dim,)`."""
        if self.levels is not None:
            return ops.convert_to_tensor(self.scale) / _half_widths(self.levels)
        return ops.exp(ops.cast(ops.convert_to_tensor(self.log_steps), "float32"))

    def pass_through(self, latents, training):
        values = self._values(latents)
        integers = self._integers(values)
        loss = ops.convert_to_tensor(0.0, dtype="float32")
        if self.levels is None:
            parameters = self.density.parameters(integers)
            bits = self.density.bits_of(integers, parameters)
            if training:
                noisy = values + replica_part(self._noise, ops.shape(values))
                held = keras.tree.map_structure(ops.stop_gradient, parameters)
                noisy = self.density.bits_of(noisy, held)
                bits = bits + noisy - ops.stop_gradient(noisy)
            loss = self.rate_weight * ops.mean(ops.sum(bits, axis=-1))
        handed_on = integers
        if training:
            handed_on = values + ops.stop_gradient(integers - values)
        return handed_on * self.steps, {"indices": self._to_indices(integers)}, loss

    def encode(self, latents):
        return {"indices": self._to_indices(self._integers(self._values(self._check(latents))))}

    def decode(self, codes):
        indices = ops.cast(ops.convert_to_tensor(codes["indices"]), "float32")
        if self.levels is not None:
            indices = indices - _half_widths(self.levels)
        return indices * self.steps

    def bits(self, codes):
        """`Bits`; without levels a field is as wide as the codes passed ask for."""
        indices = ops.convert_to_numpy(codes["indices"]).reshape(-1, self.latent_dim)
        fixed = float(ops.convert_to_numpy(self.fixed_length_bits(codes)))
        return Bits(fixed, sum(entropy(column) for column in indices.T))

    def fixed_length_bits(self, codes):
        if self.levels is not None:
            bits = math.ceil(sum(map(math.log2, self.levels)))
            return ops.convert_to_tensor(float(bits), dtype="float32")
        indices = ops.reshape(ops.convert_to_tensor(codes["indices"]), (-1, self.latent_dim))
        values = ops.max(indices, axis=0) - ops.min(indices, axis=0) + 1
        # Whole bits, of 2^b values b; float32's logarithm might round 8 up to 3 + 1.
        return ops.sum(ops.ceil(ops.log2(ops.cast(values, "float32")) - 1e-4))

    def spent_bits(self, outputs):
        if self.levels is not None:
            return super().spent_bits(outputs)
        return outputs["loss"] / self.rate_weight

    def expected_bits(self, codes):
        """Bits of a vector, mean over vectors, by the learned density: a float32 scalar tensor."""
        integers = ops.cast(codes["indices"], "float32")
        bits = self.density.bits_of(integers, self.density.parameters(integers))
        return ops.mean(ops.sum(bits, axis=-1))

    def probability_tables(self):
        """What the learned density says of each entry's integers, for an entropy coder.

        Returns:
            List over entries of `(first, probabilities)`, as `FactorizedDensity.tables`.

        Raises:
            ValueError: with `levels` or a `context`, where an entry has no one distribution.
        """
        if self.levels is not None or self.context is not None:
            raise ValueError("Only without `levels` and `context` an entry has one distribution.")
        return self.density.tables()

    def to_index(self, codes):
        """The one index `(...)`, int32, that the integers of FSQ's codes make together.

        The first entry counts least, as in the paper.

        Raises:
            ValueError: without `levels`, or where there are more indices than int32 holds.
        """
        return ops.sum(ops.cast(codes["indices"], "int32") * self._place_values(), axis=-1)

    def from_index(self, index):
        """The codes that `to_index` made an index of."""
        places = self._place_values()
        levels = ops.convert_to_tensor(np.array(self.levels, "int32"))
        index = ops.cast(ops.convert_to_tensor(index), "int32")[..., None]
        return {"indices": ops.mod(ops.floor_divide(index, places), levels)}

    def used_entries(self, codes):
        return self.to_index(codes), None

    def adapt(self, latents):
        """Sets what integers stand for, or the densities' widths, from `(n, latent_dim)`."""
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        if self.levels is None:
            self.density.adapt(latents / ops.convert_to_numpy(self.steps))
            return
        # Handed on is what is nearest to what came: that the bound bends little, and uses levels.
        least = np.full(self.latent_dim, np.inf)
        gains, scales = np.ones((2, self.latent_dim))
        for gain in GAINS:
            rounded = ops.round(self._bounded(ops.convert_to_tensor(gain * latents, "float32")))
            rounded = ops.convert_to_numpy(rounded / _half_widths(self.levels))
            squares, products = np.sum(rounded**2, axis=0), np.sum(rounded * latents, axis=0)
            scale = np.where(squares > 0, products / np.maximum(squares, 1e-12), 1.0)
            errors = np.sum((scale * rounded - latents) ** 2, axis=0)
            better = errors < least
            least, gains, scales = (
                np.where(better, new, old)
                for new, old in ((errors, least), (gain, gains), (scale, scales))
            )
        self.gain.assign(gains)
        self.scale.assign(scales)

    def scale_steps(self, factor):
        """Enlarges all steps, to go on training at another rate, and narrows the densities.

        Raises:
            ValueError: with `levels`, of which there are as many at any rate.
        """
        if self.levels is not None:
            raise ValueError("With `levels` there are no steps to scale.")
        self.log_steps.assign_add(ops.full((self.latent_dim,), math.log(factor)))
        self.density.scale_widths(1 / factor)

    def code_spec(self):
        return {"indices": ((self.latent_dim,), "int32")}

    def symbol_spec(self):
        """Of FSQ; without `levels` symbols are integers of any size."""
        return [Symbol(count, NUMBER) for count in self.levels]

    def to_symbols(self, codes):
        return codes["indices"]

    def from_symbols(self, symbols):
        return {"indices": symbols}

    def get_config(self):
        return {
            **super().get_config(),
            "levels": self.levels if self.levels is None else list(self.levels),
            "rate_weight": self.rate_weight,
            "context": keras.saving.serialize_keras_object(self.context) if self.context else None,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_parts(config, "context"))

    def _checked(self, levels):
        """A tuple of `latent_dim` ints."""
        if not isinstance(levels, (list, tuple, np.ndarray)):
            levels = (levels,) * self.latent_dim
        for count in levels:
            check_integers(levels=(2, count))
        if len(levels) != self.latent_dim:
            raise ValueError(
                f"`levels` must be an integer or {self.latent_dim} of them, `latent_dim`. "
                f"Received: {list(levels)}"
            )
        return tuple(int(count) for count in levels)

    def _bounded(self, latents):
        """Entries from `-(levels // 2)` to `levels - 1 - levels // 2`, about, still continuous."""
        levels = np.array(self.levels)
        half = (levels - 1) * (1 + MARGIN) / 2
        # An even number of levels lies half a step below the middle, moved so that 0 stays 0.
        offset = np.where(levels % 2, 0.0, 0.5)
        half, offset, shift = (
            ops.convert_to_tensor(part.astype("float32"))
            for part in (half, offset, np.arctanh(offset / half))
        )
        return ops.tanh(latents + shift) * half - offset

    def _to_indices(self, rounded):
        if self.levels is not None:
            rounded = rounded + _half_widths(self.levels)
        return ops.cast(rounded, "int32")

    def _values(self, latents):
        """Latents in units of which the integers are taken."""
        if self.levels is not None:
            return self._bounded(latents * self.gain)
        if self.context is not None and len(latents.shape) != 4:
            raise ValueError(
                "With a `context`, latents must have shape (batch, rows, cols, latent_dim). "
                f"Received: shape={tuple(latents.shape)}"
            )
        return latents / self.steps

    def _integers(self, values):
        """The integers, float32, that values are coded as, without derivative."""
        values = ops.stop_gradient(values)
        nearest = ops.round(values)
        if self.levels is not None:
            return nearest
        smaller = nearest - ops.sign(nearest)
        # What neighbours are known by is not known yet: their nearest integers stand in.
        parameters = self.density.parameters(nearest)
        saved = self.density.bits_of(nearest, parameters) - self.density.bits_of(
            smaller, parameters
        )
        worth = self.rate_weight * self.latent_dim / ops.square(self.steps)
        added = ops.square(values - smaller) - ops.square(values - nearest)
        return ops.stop_gradient(ops.where(worth * saved > added, smaller, nearest))

    def _noise(self, shape):
        return keras.random.uniform(shape, -0.5, 0.5, dtype="float32", seed=self.seed_generator)

    def _place_values(self):
        if self.levels is None:
            raise ValueError("Without `levels` codes have no one index.")
        if math.prod(self.levels) > 2**31 - 1:
            raise ValueError(
                f"{math.prod(self.levels)} codes are too many for one int32 index. "
                f"Received: levels={list(self.levels)}"
            )
        return ops.convert_to_tensor(np.cumprod([1, *self.levels[:-1]]).astype("int32"))


def _half_widths(levels):
    """What FSQ divides rounded entries by, so that they lie in -1..1."""
    return ops.convert_to_tensor(np.array([count // 2 for count in levels], "float32"))
