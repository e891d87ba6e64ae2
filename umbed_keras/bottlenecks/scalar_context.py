"""Densities of the integers of a map that depend on integers known before."""

import itertools
import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import as_float32, convolution, dense
from umbed_keras.backend.variables import add_state
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import ArrayLike, Shape, Tensor

# Number of channels of the first group. Each other group has as many as all groups before it.
FIRST_GROUP = 4
# Number of turns in which the positions of a group are coded: a quarter of the map; then the
# quarter between it on the diagonals; then the other half, whose four neighbours are all known.
NUM_TURNS = 3
# Range of the logarithms to base 2 of the scales of the logistic distributions.
LOG_SCALES = (-4.0, 6.5)
# A logistic distribution of slope 1.7 is the nearest to a standard normal one.
LOGISTIC = 1.7
# Smaller probabilities are raised to this: below, float32 resolves no derivative.
LEAST = 1e-7
# Limits of an integer as an input of the networks, in deviations and in magnitude.
FURTHEST, LARGEST = 8, 255


@keras.saving.register_keras_serializable(package="umbed_keras")
class ScalarContext(keras.layers.Layer):
    """Densities of the integers of a map of vectors, conditional on their neighbours.

    Channels form groups, each as large as all before it (Minnen & Singh 2020). The positions of a
    group are coded in three turns, the last of which is half of the checkerboard (He et al. 2021).
    Each turn of each group is one pass. A small network of each group predicts mean and scale of
    logistic distributions from the integers of earlier passes in a 3x3 neighbourhood. An integer
    is represented by two inputs: relative to the deviation of its channel, and the logarithm of
    its magnitude.

    Entropy coders compute the same in integers (`umbed_keras.codec.integer_context`), with equal
    results on every machine and backend.

    Args:
        channels: int >= 1, entries of a vector, best in the order of falling variance.
        units: int >= 1, width of the networks.
        summary_units: int >= 1, number of features that summarize a position.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if an argument is not an integer >= 1.

    Examples:
        >>> context = uk.layers.ScalarContext(channels=6, units=8, summary_units=8)
        >>> integers = np.zeros((1, 4, 4, 6), "float32")
        >>> tuple(context(integers, integers).shape)
        (1, 4, 4, 6)
        >>> quantizer = uk.layers.ScalarQuantizer(6, context=context)
    """

    # What presets may ask for: see `umbed_keras.zoo.preset_checks`.
    preset_role: ClassVar[str] = "context"
    preset_sizes: ClassVar[tuple[str, ...]] = ("channels",)
    preset_limits: ClassVar[dict[str, int]] = {"units": 1 << 20, "summary_units": 1 << 20}

    def __init__(self, channels: int, units: int = 64, summary_units: int = 48, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        check_integers(channels=(1, channels), units=(1, units), summary_units=(1, summary_units))
        self.channels = int(channels)
        self.units = int(units)
        self.summary_units = int(summary_units)
        ends = [min(self.channels, FIRST_GROUP)]
        while ends[-1] < self.channels:
            ends.append(min(self.channels, 2 * ends[-1]))
        self.groups = [
            ContextGroup(
                start,
                end,
                self.units,
                self.summary_units,
                dtype=self.dtype_policy,
                name=f"group_{start}",
            )
            for start, end in itertools.pairwise([0, *ends])
        ]

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the networks of all groups."""
        # Powers of 2, so that divisions by them are exact.
        self.deviation = add_state(self, "deviation", (self.channels,), "ones")
        # Logarithm to base 2 of the scale of each channel, to which the networks add.
        self.log_scale = self.add_weight(
            name="log_scale",
            shape=(self.channels,),
            initializer="zeros",
            dtype="float32",
            autocast=False,
        )
        for group in self.groups:
            group.build()
            group.built = True

    def call(self, values: ArrayLike, integers: ArrayLike) -> Tensor:
        """Computes the code length of values in the context of integers.

        Args:
            values: float32 `(batch, rows, cols, channels)`, the integers, or with noise.
            integers: float32 like `values`, the neighbours.

        Returns:
            float32 tensor like `values`, in bits.
        """
        return self.bits_of(values, self.parameters(integers))

    def parameters(self, integers: ArrayLike) -> tuple[Tensor, Tensor]:
        """Predicts the distribution of each integer from integers of earlier passes.

        Args:
            integers: float32 `(batch, rows, cols, channels)`.

        Returns:
            Means, and logarithms to base 2 of the scales, float32 like `integers`.
        """
        _, rows, cols, _ = ops.shape(integers)
        turns = _turns(rows, cols)
        inputs = self._inputs(integers)
        pairs = [group(inputs, turns) for group in self.groups]
        means, log_scales = (ops.concatenate(parts, axis=-1) for parts in zip(*pairs, strict=True))
        return means * self.deviation, log_scales + self.log_scale

    @staticmethod
    def bits_of(values: ArrayLike, parameters: tuple[Tensor, Tensor]) -> Tensor:
        """Computes the code length of values under given distributions.

        Args:
            values: float32 `(batch, rows, cols, channels)`.
            parameters: what `parameters` returned.

        Returns:
            float32 tensor like `values`, in bits.
        """
        mean, log_scale = parameters
        slope = LOGISTIC * ops.exp(-math.log(2) * ops.clip(log_scale, *LOG_SCALES))
        # On the side of the sigmoid where its values are small, so that differences are exact.
        distance = -ops.abs(values - mean)
        mass = ops.sigmoid(slope * (distance + 0.5)) - ops.sigmoid(slope * (distance - 0.5))
        return -ops.log(ops.maximum(mass, LEAST)) / math.log(2)

    def adapt(self, values: ArrayLike) -> None:
        """Starts the scales at the standard deviations of a sample, on the host.

        Args:
            values: floats `(n, channels)`; they are rounded.
        """
        if not self.built:
            self.build()
            self.built = True
        # Even if all values of the sample are rounded to 0, others need not be.
        logs = np.log2(np.maximum(np.std(np.round(values), axis=0, dtype="float64"), 0.15))
        self.log_scale.assign(logs)
        self.deviation.assign(2.0 ** np.maximum(np.round(logs), -2.0))

    def scale_widths(self, factor: float) -> None:
        """Multiplies the scales of all distributions.

        Args:
            factor: float > 0.
        """
        self.log_scale.assign_add(ops.full((self.channels,), math.log2(factor)))

    def _inputs(self, integers):
        """Inputs of the networks, `(batch, rows, cols, 2 * channels)`: two for each integer."""
        relative = ops.clip(integers / self.deviation, -FURTHEST, FURTHEST)
        logarithm = ops.log(1 + ops.minimum(ops.abs(integers), LARGEST)) / math.log(2)
        pairs = 0.5 * ops.stack([relative, logarithm], axis=-1)
        return ops.reshape(pairs, (*ops.shape(integers)[:3], 2 * self.channels))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "units": self.units,
            "summary_units": self.summary_units,
        }


@keras.saving.register_keras_serializable(package="umbed_keras")
class ContextGroup(keras.layers.Layer):
    """Network of one group of channels of a `ScalarContext`.

    Args:
        start: int, first channel of the group; the channels before are known at all positions.
        end: int, first channel after the group.
        units: int, width.
        summary_units: int, number of features that summarize a position.
        **kwargs: other arguments of `keras.layers.Layer`.

    Examples:
        >>> group = ContextGroup(start=2, end=4, units=8, summary_units=8)
        >>> turns = np.zeros((4, 4, 1), "int32")
        >>> mean, log_scale = group(np.zeros((1, 4, 4, 8), "float32"), turns)
        >>> tuple(mean.shape)
        (1, 4, 4, 2)
    """

    def __init__(self, start: int, end: int, units: int, summary_units: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.start = int(start)
        self.end = int(end)
        self.units = int(units)
        self.summary_units = int(summary_units)

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the weights."""

        def weight(name, *shape, initializer="glorot_uniform"):
            return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

        def zeros(name, *shape):
            return weight(name, *shape, initializer="zeros")

        own, known, units = 2 * (self.end - self.start), 2 * self.start, self.units
        self.summarize_known = None
        if known:
            self.summarize_known = weight("summarize_known", known, self.summary_units)
            self.known_bias = zeros("known_bias", self.summary_units)
            self.known_kernel = weight("known_kernel", 3, 3, self.summary_units, units)
        size = min(own, self.summary_units)
        self.summarize_own = weight("summarize_own", own, size)
        self.own_kernel = weight("own_kernel", 3, 3, size, units)
        self.turn_bias = weight("turn_bias", NUM_TURNS, units)
        self.middle = weight("middle", units, units)
        self.middle_bias = zeros("middle_bias", units)
        self.head = zeros("head", units, own)
        self.head_bias = zeros("head_bias", own)

    def call(self, inputs: ArrayLike, turns: ArrayLike) -> tuple[Tensor, Tensor]:
        """Predicts the distributions of the integers of the group.

        Args:
            inputs: float32 `(batch, rows, cols, n)` with n >= `2 * end`, two for each integer.
            turns: int32 `(rows, cols, 1)`, the turn of each position.

        Returns:
            Means relative to the deviations of the channels, and logarithms to base 2 of the
            scales relative to those of the channels, float32 `(batch, rows, cols, end - start)`.
        """
        features = ops.take(as_float32(self.turn_bias), turns[..., 0], axis=0)[None]
        if self.start:
            known = dense(
                inputs[..., : 2 * self.start],
                as_float32(self.summarize_known),
                as_float32(self.known_bias),
            )
            features = features + convolution(
                ops.relu(known), as_float32(self.known_kernel), padding=1
            )
        own = dense(inputs[..., 2 * self.start : 2 * self.end], as_float32(self.summarize_own))
        kernel = as_float32(self.own_kernel)
        for turn in range(1, NUM_TURNS):
            before, now = (ops.cast(mask, "float32") for mask in (turns < turn, turns == turn))
            features = features + now * convolution(own * before, kernel, padding=1)
        features = ops.relu(features)
        features = ops.relu(dense(features, as_float32(self.middle), as_float32(self.middle_bias)))
        return ops.split(
            dense(features, as_float32(self.head), as_float32(self.head_bias)), 2, axis=-1
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        names = ("start", "end", "units", "summary_units")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _turns(rows, cols):
    """The turn of each position of a map, int32 `(rows, cols, 1)`."""
    row, col = ops.arange(rows, dtype="int32")[:, None], ops.arange(cols, dtype="int32")[None]
    other_half = ops.mod(row + col, 2)
    return ops.where(other_half == 1, 2, ops.mod(row, 2) + 0 * col)[..., None]
