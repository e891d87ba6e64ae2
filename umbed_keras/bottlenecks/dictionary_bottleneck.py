"""A sparse dictionary, coded by orthogonal matching pursuit."""

from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.processes import move_average, replica_mean
from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks._revival import directions, revival_plan
from umbed_keras.bottlenecks._totals import totals
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.dictionary_learning import learn_dictionary
from umbed_keras.bottlenecks.symbols import COUNT, ENTRY, FACTOR, Symbol
from umbed_keras.ops import orthogonal_matching_pursuit, sparse_decode
from umbed_keras.ops.checks import check_at_least, check_integers
from umbed_keras.ops.quantize import LAWS, from_steps, level_values, quantize, to_steps
from umbed_keras.ops.rate import sparse_bits, sparse_fixed_length
from umbed_keras.ops.sparse_coding.orthogonal_matching_pursuit import SELECTIONS

UPDATES = ("gradient", "online")
# A sweep of the online update moves every atom once towards what the averages ask for.
ONLINE_SWEEPS = 2
# Share of coefficients that quantisation may clip.
TAIL = 1e-4
# How far a revived atom leaves its donor, as a share of the atom's length.
REVIVAL_STEP = 0.5


@keras.saving.register_keras_serializable(package="umbed_keras")
class DictionaryBottleneck(Bottleneck):
    """Replaces each latent vector by a sparse combination of dictionary atoms.

    Codes are `{"indices", "coefficients"}`, int32 and float32 `(..., sparsity)`, found by
    orthogonal matching pursuit. The atoms have unit length. The derivative with respect to the
    latents is that of least squares on the chosen atoms, a projection onto their span; the atoms
    learn with the coefficients held.

    Args:
        num_atoms: int, size of the dictionary (K).
        latent_dim: int, size of an atom.
        sparsity: int, atoms of a latent vector (S).
        commitment_weight: float, weight of the squared coding error (mean over latents' entries)
            that pulls latents to the span of their atoms.
        update: `"gradient"`: the atoms follow the gradient on the sphere, of the model's loss and
            of the coding error; `"online"`: they follow running averages of codes and signals, in
            the manner of online dictionary learning (Mairal, Bach, Ponce & Sapiro 2010).
        selection: `"omp"` or `"ols"`, as in `orthogonal_matching_pursuit`.
        coefficient_bits: int >= 2, bits of a quantised coefficient, or None to keep them whole.
        quantization: `"uniform"` or `"mu_law"` steps.
        decay: float in [0, 1), of the running averages.
        revival_threshold: float, an atom is revived, as a turned copy of a much-used one, when its
            share of use falls below this fraction of the mean; 0 never revives.
        seed: int, of the dictionary's start.
        min_gain: float >= 0, by how much an atom must lower the squared error of a latent vector,
            in squared steps of a quantised coefficient, which must be `"uniform"`. A vector stops
            at the first atom that doesn't, and has index 0 and coefficient 0 from there on: about
            1 gives `compress` fewer bytes at the same error. 0 never stops.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("num_atoms", "latent_dim")
    preset_limits: ClassVar = {
        "sparsity": 1 << 20,
        "coefficient_bits": 16,
        "commitment_weight": 1 << 20,
    }
    repr_arguments = ("num_atoms", "latent_dim", "sparsity")

    def __init__(
        self,
        num_atoms,
        latent_dim,
        sparsity,
        commitment_weight=0.02,
        update="gradient",
        selection="omp",
        coefficient_bits=None,
        quantization="uniform",
        decay=0.99,
        revival_threshold=0.01,
        seed=0,
        min_gain=0.0,
        **kwargs,
    ):
        super().__init__(latent_dim, **kwargs)
        check_integers(num_atoms=(2, num_atoms))
        if int(sparsity) != sparsity or not 1 <= sparsity <= num_atoms:
            raise ValueError(
                "`sparsity` must be an integer from 1 to `num_atoms`. Received: "
                f"sparsity={sparsity}, num_atoms={num_atoms}"
            )
        if update not in UPDATES:
            raise ValueError(f"`update` must be one of {UPDATES}. Received: {update!r}")
        if quantization not in LAWS:
            raise ValueError(f"`quantization` must be one of {LAWS}. Received: {quantization!r}")
        if selection not in SELECTIONS:
            raise ValueError(f"`selection` must be one of {SELECTIONS}. Received: {selection!r}")
        if coefficient_bits is not None and coefficient_bits not in range(2, 17):
            raise ValueError(
                "`coefficient_bits` must be None or an integer from 2 to 16. "
                f"Received: {coefficient_bits}"
            )
        check_at_least(
            commitment_weight=(0, commitment_weight),
            revival_threshold=(0, revival_threshold),
            min_gain=(0, min_gain),
        )
        if min_gain and (coefficient_bits is None or quantization != "uniform"):
            raise ValueError(
                "`min_gain` counts uniform steps of quantised coefficients. Received: "
                f"min_gain={min_gain}, coefficient_bits={coefficient_bits}, "
                f"quantization={quantization!r}"
            )
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must lie in [0, 1). Received: {decay}")
        self.num_atoms = int(num_atoms)
        self.sparsity = int(sparsity)
        self.commitment_weight = float(commitment_weight)
        self.update = update
        self.selection = selection
        self.coefficient_bits = coefficient_bits
        self.quantization = quantization
        self.decay = float(decay)
        self.revival_threshold = float(revival_threshold)
        self.seed = seed
        self.min_gain = float(min_gain)

    @property
    def num_entries(self):
        return self.num_atoms

    def build(self, input_shape=None):
        shape = (self.num_atoms, self.latent_dim)
        self.usage = add_state(self, "usage", shape[:1])
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.start = add_state(self, "start", shape, normal)
        if self.update == "gradient":
            # Atoms are start + kernel, scaled to unit length, so that the gradient lies on the
            # sphere. Revival moves `start`: a layer may assign only weights that no optimizer
            # trains (JAX's stateless training drops the others).
            self.kernel = self.add_weight(
                shape=shape, initializer="zeros", autocast=False, name="kernel"
            )
        else:
            # Averages of code x code and code x signal: what least squares needs to know.
            self.code_moments = add_state(self, "code_moments", (self.num_atoms, self.num_atoms))
            self.signal_moments = add_state(self, "signal_moments", shape)
        if self.coefficient_bits:
            self.coefficient_limit = add_state(self, "coefficient_limit", (), "ones")
        self._directions = directions(*shape)

    @property
    def dictionary(self):
        """The atoms, float32 `(num_atoms, latent_dim)`, each of unit length."""
        atoms = ops.convert_to_tensor(self.start)
        if self.update == "gradient":
            atoms = atoms + ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        return ops.normalize(atoms, axis=-1)

    def pass_through(self, latents, training):
        dictionary = self.dictionary
        # Through the least-squares coefficients an atom's gradient grows without bound as atoms
        # come close; with the coefficients held it stays of their size.
        indices, whole = orthogonal_matching_pursuit(
            latents,
            ops.stop_gradient(dictionary),
            self.sparsity,
            selection=self.selection,
            min_gain=self._least_gain,
        )
        coefficients = whole
        if self.coefficient_bits:
            coefficients = quantize(whole, *self._quantization)
        held = ops.stop_gradient(coefficients)
        quantized = sparse_decode(indices, held, dictionary)
        distance = ops.square(latents - ops.stop_gradient(quantized))
        loss = self.commitment_weight * ops.mean(distance)
        if self.update == "gradient":
            loss = loss + ops.mean(ops.square(ops.stop_gradient(latents) - quantized))
        if training:
            self._learn(
                ops.stop_gradient(ops.reshape(latents, (-1, self.latent_dim))),
                ops.reshape(indices, (-1, self.sparsity)),
                ops.stop_gradient(ops.reshape(whole, (-1, self.sparsity))),
            )
            # Worth nothing, but latents have the derivative of their coefficients.
            change = sparse_decode(indices, coefficients - held, ops.stop_gradient(dictionary))
            quantized = quantized + change
        if self.min_gain:
            # Atoms without a part look alike, whichever they were.
            indices = ops.where(ops.equal(coefficients, 0), 0, indices)
        return quantized, {"indices": indices, "coefficients": coefficients}, loss

    def decode(self, codes):
        coefficients = ops.cast(codes["coefficients"], "float32")
        return sparse_decode(codes["indices"], coefficients, self.dictionary)

    def bits(self, codes):
        return sparse_bits(
            ops.convert_to_numpy(codes["indices"]),
            ops.convert_to_numpy(codes["coefficients"]),
            self.num_atoms,
            self.coefficient_bits,
        )

    def fixed_length_bits(self, codes):
        bits = sparse_fixed_length(self.num_atoms, self.sparsity, self.coefficient_bits)
        return ops.convert_to_tensor(float(bits), dtype="float32")

    def used_entries(self, codes):
        # An atom with coefficient 0 fills a place and is not used.
        return codes["indices"], ops.cast(ops.not_equal(codes["coefficients"], 0), "float32")

    def adapt(self, latents):
        """Starts from a dictionary learned on a sample `(n, latent_dim)` on the host."""
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        if self.min_gain:
            # A first coefficient is no larger than its latent vector is long.
            longest = np.linalg.norm(latents, axis=1).max()
            self.coefficient_limit.assign(max(longest, 1e-6))
        atoms, coefficients = learn_dictionary(
            latents,
            self.num_atoms,
            self.sparsity,
            self.selection,
            seed=self.seed,
            min_gain=self._least_gain,
        )
        self.start.assign(atoms)
        for statistic in self._statistics():
            statistic.assign(ops.zeros(statistic.shape))
        if self.update == "gradient":
            self.kernel.assign(ops.zeros(self.kernel.shape))
        if self.coefficient_bits:
            self.coefficient_limit.assign(float(max(np.abs(coefficients).max(), 1e-6)))

    def code_spec(self):
        return {
            "indices": ((self.sparsity,), "int32"),
            "coefficients": ((self.sparsity,), "float32"),
        }

    def pack(self, codes):
        """As any bottleneck's; quantised coefficients as the numbers of their levels."""
        packed = super().pack(codes)
        if self.coefficient_bits:
            steps = to_steps(packed["coefficients"], *self._quantization)
            integer = "int8" if self.coefficient_bits <= 8 else "int16"
            packed["coefficients"] = ops.convert_to_numpy(steps).astype(integer)
        return packed

    def unpack(self, packed):
        codes = super().unpack(packed)
        if self.coefficient_bits:
            values = from_steps(codes["coefficients"], *self._quantization)
            codes["coefficients"] = ops.convert_to_numpy(values)
        return codes

    @property
    def _least_gain(self):
        """`min_gain` as a squared error, or None."""
        if not self.min_gain:
            return None
        limit = ops.convert_to_tensor(self.coefficient_limit)
        return self.min_gain * ops.square(limit / (2 ** (self.coefficient_bits - 1) - 1))

    @property
    def _quantization(self):
        limit = ops.convert_to_tensor(self.coefficient_limit)
        return limit, self.coefficient_bits, self.quantization

    def symbol_spec(self):
        if not self.coefficient_bits:
            raise ValueError(
                "Coefficients of 32 bits can't be coded: make the model with `coefficient_bits`, "
                "such as 8."
            )
        pair = [Symbol(self.num_atoms, ENTRY), Symbol(len(self._levels()), FACTOR)]
        used = [Symbol(self.sparsity + 1, COUNT)] if self.min_gain else []
        return used + pair * self.sparsity

    def to_symbols(self, codes):
        indices, coefficients = codes["indices"], codes["coefficients"]
        levels = self._levels()
        middles = (levels[1:] + levels[:-1]) / 2
        steps = np.searchsorted(middles, coefficients)
        if np.abs(levels[steps] - coefficients).max(initial=0) > 1e-5 * levels[-1]:
            raise ValueError("`coefficients` must be steps of the quantiser, as `encode` gives.")
        pairs = np.stack([indices, steps.astype("int32")], axis=-1)
        symbols = pairs.reshape(*indices.shape[:-1], -1)
        if not self.min_gain:
            return symbols
        places = np.arange(1, self.sparsity + 1, dtype="int32")
        used = np.max(places * (coefficients != 0), axis=-1, keepdims=True)
        return np.concatenate([used, symbols], axis=-1)

    def from_symbols(self, symbols):
        symbols = symbols[..., int(self.min_gain > 0) :]
        pairs = symbols.reshape(*symbols.shape[:-1], self.sparsity, 2)
        return {"indices": pairs[..., 0], "coefficients": self._levels()[pairs[..., 1]]}

    def get_config(self):
        return {
            **super().get_config(),
            "num_atoms": self.num_atoms,
            "sparsity": self.sparsity,
            "commitment_weight": self.commitment_weight,
            "update": self.update,
            "selection": self.selection,
            "coefficient_bits": self.coefficient_bits,
            "quantization": self.quantization,
            "decay": self.decay,
            "revival_threshold": self.revival_threshold,
            "seed": self.seed,
            "min_gain": self.min_gain,
        }

    def _levels(self):
        """What a quantised coefficient may be, rising, float32 on the host."""
        return level_values(*self._quantization)

    def _statistics(self):
        if self.update == "gradient":
            return [self.usage]
        return [self.usage, self.code_moments, self.signal_moments]

    def _learn(self, latents, indices, coefficients):
        """Updates the averages with a batch, then the online dictionary, then revives atoms."""
        count = ops.cast(ops.shape(latents)[0], "float32")
        used = ops.cast(ops.not_equal(coefficients, 0), "float32")
        usage = totals(ops.reshape(used, (-1,)), indices, self.num_atoms)
        move_average(self.usage, usage / count, self.decay)
        if self.coefficient_bits:
            self._follow_tail(coefficients)
        if self.update == "online":
            one_hot = ops.one_hot(indices, self.num_atoms, dtype="float32")
            codes = ops.transpose(ops.sum(one_hot * coefficients[..., None], axis=1))
            move_average(
                self.code_moments, ops.matmul(codes, ops.transpose(codes)) / count, self.decay
            )
            move_average(self.signal_moments, ops.matmul(codes, latents) / count, self.decay)
            self._follow_averages()
        if self.revival_threshold:
            self._revive()

    def _follow_tail(self, coefficients):
        """Moves the limit towards the magnitude that a share `TAIL` of coefficients exceeds.

        A step of stochastic approximation (Robbins & Monro 1951) in that share, which replicas
        can average, as they could not a maximum.
        """
        limit = ops.convert_to_tensor(self.coefficient_limit)
        beyond = replica_mean(ops.mean(ops.cast(ops.abs(coefficients) > limit, "float32")))
        # At most a tenth at once, where nearly all lie beyond.
        change = 0.1 * (1 - self.decay) * (ops.minimum(beyond / TAIL, 100.0) - 1)
        self.coefficient_limit.assign(limit * (1 + change))

    def _follow_averages(self):
        """Lowers the averages' squared error in the dictionary.

        The step of an atom is one over its row of |code x code|, a diagonal that bounds the
        matrix from above: the error never grows, and the atoms move all at once.
        """
        moments = ops.convert_to_tensor(self.code_moments)
        bound = ops.sum(ops.abs(moments), axis=1, keepdims=True)
        step = ops.where(bound > 0, 1 / ops.where(bound > 0, bound, 1.0), 0.0)
        atoms = self.dictionary
        for _ in range(ONLINE_SWEEPS):
            atoms = atoms + step * (self.signal_moments - ops.matmul(moments, atoms))
        self.start.assign(ops.normalize(atoms, axis=-1))

    def _revive(self):
        dead, donors, shared = revival_plan(
            ops.convert_to_tensor(self.usage), self.revival_threshold
        )
        dead = dead[:, None]
        atoms = ops.stop_gradient(self.dictionary)
        turned = ops.take(atoms, donors, axis=0) + REVIVAL_STEP * self._directions
        revived = ops.where(dead, ops.normalize(turned, axis=-1), atoms)
        self.usage.assign(shared)
        start = ops.convert_to_tensor(self.start)
        if self.update == "gradient":
            kernel = ops.cast(ops.stop_gradient(ops.convert_to_tensor(self.kernel)), "float32")
            self.start.assign(ops.where(dead, revived - kernel, start))
        else:
            self.start.assign(ops.where(dead, revived, start))
            # What is known of a dead atom belongs to the one that it was.
            alive = ops.cast(ops.logical_not(dead), "float32")
            self.code_moments.assign(self.code_moments * alive * ops.transpose(alive))
            self.signal_moments.assign(self.signal_moments * alive)
