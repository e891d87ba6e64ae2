"""Scalar quantization to integers whose code lengths are learned."""

import math
from typing import Any, ClassVar

import keras
from keras import ops

from umbed_keras.backend.processes import replica_part
from umbed_keras.bottlenecks._samples import mean_over
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.entropy_models.entropy_model import NUMBER
from umbed_keras.bottlenecks.entropy_models.integer_codes import IntegerCodes
from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.configs import with_parts
from umbed_keras.ops.checks import as_indices
from umbed_keras.ops.rate import Bits, entropy
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ScalarQuantizer(Bottleneck):
    """Rounds every entry of a latent vector to an integer with a learned code length.

    Each entry is a multiple of a learned step, and a learned density gives the bits of each
    integer (Balle, Minnen, Singh, Hwang & Johnston 2018). The loss is `rate_weight` times the bits
    of a vector. Of the nearest integer and the next one towards 0, the code is the one with the
    smaller sum of squared error and weighted bits. In training, entries learn from the bits under
    uniform noise, while the density and the decoder learn from the rounded integers (Minnen &
    Singh 2020). The derivative is that of the entries before rounding (straight-through).

    With a `context`, the density of each integer depends on its neighbours, and latents must be
    maps `(batch, rows, cols, latent_dim)`.

    Codes are `{"indices"}`: int32 `(..., latent_dim)`, any integers.

    Args:
        latent_dim: int >= 1, size of the latent vector.
        rate_weight: float > 0, the squared error (mean over entries) that one bit per vector is
            worth. The steps start at the values that are optimal for it at high rates.
        context: `ScalarContext` of `latent_dim` channels, or None for a `FactorizedDensity`.
        seed: int, of the noise and of the density's initial weights.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if `rate_weight` is not above 0.
        ValueError: if `context` has another number of channels than `latent_dim`.

    Examples:
        >>> layer = uk.layers.ScalarQuantizer(latent_dim=2, rate_weight=0.05)
        >>> latents = np.random.default_rng(0).normal(size=(100, 2))
        >>> layer.adapt(latents)
        >>> codes = layer.encode(latents)
        >>> codes["indices"].dtype, tuple(codes["indices"].shape)  # doctest: +ELLIPSIS
        (...int32..., (100, 2))
        >>> bool(layer.expected_bits(codes) < 8)
        True
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar = {"rate_weight": 1 << 20, "levels": 1 << 20}

    def __init__(
        self,
        latent_dim: int,
        rate_weight: float = 1e-5,
        context: ScalarContext | None = None,
        seed: int | None = 0,
        **kwargs: Any,
    ):
        super().__init__(latent_dim, **kwargs)
        if context is not None and context.channels != self.latent_dim:
            raise ValueError(
                "`context` must have `latent_dim` channels. Received: "
                f"latent_dim={latent_dim}, context.channels={context.channels}"
            )
        if not rate_weight > 0:
            raise ValueError(f"`rate_weight` must be above 0. Received: {rate_weight}")
        self.rate_weight = float(rate_weight)
        self.seed = seed
        self.context = context
        self.density = context or FactorizedDensity(
            self.latent_dim, seed, dtype="float32", name="density"
        )
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def starting_step(self) -> float:
        """The step at which one more bit per vector lowers the error by `rate_weight`.

        The squared error of a step is its square / 12. One bit less per vector enlarges the steps
        of its `latent_dim` entries by the factor 2^(1 / latent_dim).
        """
        return math.sqrt(12 * self.rate_weight * self.latent_dim / (2 * math.log(2)))

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the steps and the weights of the density."""
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
    def steps(self) -> Tensor:
        """Distance between neighbouring integers of each entry, float32 `(latent_dim,)`."""
        return ops.exp(ops.cast(ops.convert_to_tensor(self.log_steps), "float32"))

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Quantizes float32 latents; see `Bottleneck.pass_through`."""
        values = self._values(latents)
        integers = self._integers(values)
        parameters = self.density.parameters(integers)
        bits = self.density.bits_of(integers, parameters)
        quantized = integers
        if training:
            noisy = values + replica_part(self._noise, ops.shape(values))
            held = keras.tree.map_structure(ops.stop_gradient, parameters)
            noisy = self.density.bits_of(noisy, held)
            bits = bits + noisy - ops.stop_gradient(noisy)
            quantized = values + ops.stop_gradient(integers - values)
        loss = self.rate_weight * mean_over(ops.sum(bits, axis=-1), mask)
        return quantized * self.steps, {"indices": ops.cast(integers, "int32")}, loss

    def encode(self, latents: ArrayLike) -> Codes:
        """Computes the codes of latents, without their cost; see `Bottleneck.encode`."""
        integers = self._integers(self._values(self._check(latents)))
        return {"indices": ops.cast(integers, "int32")}

    def decode(self, codes: Codes) -> Tensor:
        """Computes the latents that codes stand for, float32 `(..., latent_dim)`."""
        indices = as_indices("codes['indices']", codes["indices"], None)
        return ops.cast(indices, "float32") * self.steps

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector.

        A fixed-length field is as wide as the range of the integers in `codes` requires. Of no
        codes both are 0.
        """
        indices = ops.convert_to_numpy(codes["indices"]).reshape(-1, self.latent_dim)
        if not len(indices):
            return Bits(0.0, 0.0)
        fixed = float(ops.convert_to_numpy(self.fixed_length_bits(codes)))
        return Bits(fixed, sum(entropy(column) for column in indices.T))

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Computes the bits of fields as wide as the range of each entry, a float32 scalar."""
        indices = ops.reshape(ops.convert_to_tensor(codes["indices"]), (-1, self.latent_dim))
        values = ops.max(indices, axis=0) - ops.min(indices, axis=0) + 1
        # Whole bits. The subtraction keeps float32's log2(8) from being rounded up to 4.
        return ops.sum(ops.ceil(ops.log2(ops.cast(values, "float32")) - 1e-4))

    def spent_bits(self, outputs: dict[str, Any]) -> Tensor:
        """Returns the learned code length per vector of what `call` returned, a float32 scalar."""
        return outputs["loss"] / self.rate_weight

    def expected_bits(self, codes: Codes) -> Tensor:
        """Computes the mean code length of a vector under the learned density.

        Args:
            codes: `{"indices"}`, integers `(..., latent_dim)`.

        Returns:
            float32 scalar tensor, bits.
        """
        integers = ops.cast(codes["indices"], "float32")
        bits = self.density.bits_of(integers, self.density.parameters(integers))
        return ops.mean(ops.sum(bits, axis=-1))

    def probability_tables(self) -> list[tuple[int, Any]]:
        """Tabulates the learned distribution of each entry, for an entropy coder.

        Returns:
            List with a pair `(first, probabilities)` for each entry; see
            `FactorizedDensity.tables`.

        Raises:
            ValueError: with a `context`, where an entry has no single distribution.
        """
        if self.context is not None:
            raise ValueError("With a `context`, an entry has no single distribution.")
        return self.density.tables()

    def adapt(self, latents: ArrayLike) -> None:
        """Sets the widths of the densities from a sample.

        Args:
            latents: floats `(n, latent_dim)`, finite.

        Raises:
            ValueError: if `latents` has another shape or no rows.
            ValueError: if `latents` contains NaN or infinite values.
        """
        latents = self._check_sample(latents)
        if not self.built:
            self.build()
            self.built = True
        self.density.adapt(latents / ops.convert_to_numpy(self.steps))

    def scale_steps(self, factor: float) -> None:
        """Multiplies all steps, to continue training at another rate, and narrows the densities.

        Args:
            factor: float > 0.
        """
        self.log_steps.assign_add(ops.full((self.latent_dim,), math.log(factor)))
        self.density.scale_widths(1 / factor)

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return {"indices": ((self.latent_dim,), "int32")}

    def entropy_model(self) -> IntegerCodes:
        """Returns the entropy model of the integers, by the learned density or the context."""
        density = None if self.context else self.density
        return IntegerCodes(
            self.code_spec(), None, role=NUMBER, density=density, context=self.context
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "rate_weight": self.rate_weight,
            "context": keras.saving.serialize_keras_object(self.context) if self.context else None,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Bottleneck:
        """Makes a layer from what `get_config` returned.

        This class once had an argument `levels`. Configurations that set it make a
        `FiniteScalarQuantizer`.
        """
        config = dict(config)
        levels = config.pop("levels", None)
        if levels is None:
            return cls(**with_parts(config, "context"))
        for name in ("rate_weight", "context", "seed"):
            config.pop(name, None)
        return FiniteScalarQuantizer(levels=levels, **config)

    def _values(self, latents):
        """Latents divided by the steps."""
        if self.context is not None and len(latents.shape) != 4:
            raise ValueError(
                "With a `context`, latents must have shape (batch, rows, cols, latent_dim). "
                f"Received: shape={tuple(latents.shape)}"
            )
        return latents / self.steps

    def _integers(self, values):
        """Chooses the integers, float32 without derivative, that values are coded as."""
        values = ops.stop_gradient(values)
        nearest = ops.round(values)
        smaller = nearest - ops.sign(nearest)
        # The neighbours' final integers are not known yet: their nearest integers stand in.
        parameters = self.density.parameters(nearest)
        saved = self.density.bits_of(nearest, parameters) - self.density.bits_of(
            smaller, parameters
        )
        worth = self.rate_weight * self.latent_dim / ops.square(self.steps)
        added = ops.square(values - smaller) - ops.square(values - nearest)
        return ops.stop_gradient(ops.where(worth * saved > added, smaller, nearest))

    def _noise(self, shape):
        return keras.random.uniform(shape, -0.5, 0.5, dtype="float32", seed=self.seed_generator)
