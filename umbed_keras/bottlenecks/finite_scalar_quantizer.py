"""Finite scalar quantization: every entry of a latent vector rounded to a few levels."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.entropy_models.entropy_model import NUMBER
from umbed_keras.bottlenecks.entropy_models.integer_codes import IntegerCodes
from umbed_keras.ops.checks import as_indices, check_integers
from umbed_keras.ops.rate import Bits, entropy
from umbed_keras.typing import ArrayLike, Codes, Shape, Tensor

# Codes count as entries of a codebook, and usage metrics count them, up to this many.
MAX_ENTRIES = 2**16
# How far the outermost level lies inside the bound (Mentzer et al. 2023).
MARGIN = 1e-3
# Gains that `adapt` tries.
GAINS = np.geomspace(0.2, 2, 24)


@keras.saving.register_keras_serializable(package="umbed_keras")
class FiniteScalarQuantizer(Bottleneck):
    """Rounds every entry of a latent vector to one of a few fixed levels (FSQ).

    Finite scalar quantization (Mentzer, Minnen, Agustsson & Tschannen 2023, "Finite Scalar
    Quantization: VQ-VAE Made Simple"). Each entry is bounded by a hyperbolic tangent and rounded.
    No weight is trained and the loss is 0. `adapt` chooses a gain before the bound and a scale
    after the rounding. The derivative is that of the bounded entries (straight-through).

    Codes are `{"indices"}`: int32 `(..., latent_dim)`, from 0 to the entry's number of levels
    minus 1. `to_index` combines them into one index.

    Args:
        latent_dim: int >= 1, size of the latent vector.
        levels: int, or `latent_dim` ints, >= 2: number of levels of each entry.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if `levels` contains a value below 2.
        ValueError: if `levels` is a sequence of another length than `latent_dim`.

    Examples:
        >>> layer = uk.layers.FiniteScalarQuantizer(latent_dim=2, levels=[5, 4])
        >>> outputs = layer(np.array([[0.0, 0.0], [9.0, -9.0]], "float32"))
        >>> keras.ops.convert_to_numpy(outputs["codes"]["indices"]).tolist()
        [[2, 2], [4, 0]]
        >>> keras.ops.convert_to_numpy(layer.to_index(outputs["codes"])).tolist()
        [12, 4]
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar = {"levels": 1 << 20}
    repr_arguments = ("levels",)

    # Levels are few and fixed, so latents should span them.
    unit_variance = True

    def __init__(self, latent_dim: int, levels: int | Sequence[int], **kwargs: Any):
        super().__init__(latent_dim, **kwargs)
        self.levels = self._checked(levels)

    @property
    def num_entries(self) -> int | None:
        """Number of different codes, or None if there are more than 65,536."""
        count = math.prod(self.levels)
        return count if count <= MAX_ENTRIES else None

    @property
    def num_indices(self) -> np.ndarray:
        """Number of levels of each entry, int array `(latent_dim,)`."""
        return np.array(self.levels)

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates gain and scale."""
        self.gain = add_state(self, "gain", (self.latent_dim,), "ones")
        self.scale = add_state(self, "scale", (self.latent_dim,), "ones")

    @property
    def steps(self) -> Tensor:
        """Distance between neighbouring levels of each entry, float32 `(latent_dim,)`."""
        return ops.convert_to_tensor(self.scale) / _half_widths(self.levels)

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Quantizes float32 latents; see `Bottleneck.pass_through`."""
        values = self._bounded(latents * self.gain)
        rounded = ops.round(ops.stop_gradient(values))
        codes = {"indices": self._to_indices(rounded)}
        if training:
            rounded = values + ops.stop_gradient(rounded - values)
        return rounded * self.steps, codes, ops.convert_to_tensor(0.0, dtype="float32")

    def decode(self, codes: Codes) -> Tensor:
        """Computes the latents that codes stand for, float32 `(..., latent_dim)`."""
        indices = as_indices("codes['indices']", codes["indices"], max(self.levels))
        indices = ops.cast(indices, "float32")
        return (indices - _half_widths(self.levels)) * self.steps

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector."""
        indices = ops.convert_to_numpy(codes["indices"]).reshape(-1, self.latent_dim)
        fixed = float(math.ceil(sum(map(math.log2, self.levels))))
        return Bits(fixed, sum(entropy(column) for column in indices.T))

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Returns the bits of an index into all codes, a float32 scalar."""
        bits = math.ceil(sum(map(math.log2, self.levels)))
        return ops.convert_to_tensor(float(bits), dtype="float32")

    def to_index(self, codes: Codes) -> Tensor:
        """Combines the indices of each vector into one.

        The first entry counts least, as in the paper.

        Args:
            codes: `{"indices"}`, integers `(..., latent_dim)`.

        Returns:
            int32 tensor `(...)`, from 0 to the product of `levels` minus 1.

        Raises:
            ValueError: if there are more different codes than int32 can count.
        """
        return ops.sum(ops.cast(codes["indices"], "int32") * self._strides(), axis=-1)

    def from_index(self, index: ArrayLike) -> Codes:
        """Splits indices made by `to_index` into codes.

        Args:
            index: integers `(...)`.

        Returns:
            Codes, `{"indices"}`: int32 tensor `(..., latent_dim)`.

        Raises:
            ValueError: if there are more different codes than int32 can count.
        """
        strides = self._strides()
        levels = ops.convert_to_tensor(np.array(self.levels, "int32"))
        index = ops.cast(ops.convert_to_tensor(index), "int32")[..., None]
        return {"indices": ops.mod(ops.floor_divide(index, strides), levels)}

    def used_entries(self, codes: Codes) -> tuple[Tensor, None]:
        """Returns the one index of each code, and None for weights."""
        return self.to_index(codes), None

    def adapt(self, latents: ArrayLike) -> None:
        """Chooses each entry's gain and scale with the least squared error on a sample.

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

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return {"indices": ((self.latent_dim,), "int32")}

    def entropy_model(self) -> IntegerCodes:
        """Returns the entropy model of the levels, which are points on a scale."""
        return IntegerCodes(self.code_spec(), self.num_indices, role=NUMBER)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {**super().get_config(), "levels": list(self.levels)}

    def _checked(self, levels) -> tuple[int, ...]:
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
        """Maps entries continuously to about `-(levels // 2)` .. `levels - 1 - levels // 2`."""
        levels = np.array(self.levels)
        half = (levels - 1) * (1 + MARGIN) / 2
        # An even number of levels is centred half a step below 0; the shift keeps 0 at 0.
        offset = np.where(levels % 2, 0.0, 0.5)
        half, offset, shift = (
            ops.convert_to_tensor(part.astype("float32"))
            for part in (half, offset, np.arctanh(offset / half))
        )
        return ops.tanh(latents + shift) * half - offset

    def _to_indices(self, rounded):
        return ops.cast(rounded + _half_widths(self.levels), "int32")

    def _strides(self):
        """The number of codes that one step of each entry skips, int32 `(latent_dim,)`."""
        if math.prod(self.levels) > 2**31 - 1:
            raise ValueError(
                f"{math.prod(self.levels)} codes are too many for one int32 index. "
                f"Received: levels={list(self.levels)}"
            )
        return ops.convert_to_tensor(np.cumprod([1, *self.levels[:-1]]).astype("int32"))


def _half_widths(levels):
    """Returns `levels // 2`, by which rounded entries are divided to lie in -1..1."""
    return ops.convert_to_tensor(np.array([count // 2 for count in levels], "float32"))
