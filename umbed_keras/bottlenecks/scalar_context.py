"""What integers on a grid cost, given those that are known already."""

import itertools
import math
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import as_float32, convolution, dense
from umbed_keras.backend.variables import add_state
from umbed_keras.ops.checks import check_integers

# A group holds as many channels as all groups before it, the first this many.
FIRST_GROUP = 4
# Within a group a quarter of the grid comes first, then the quarter between on the diagonals, then
# the other half, each of whose places has four known neighbours.
PLACES = 3
# Logarithms to base 2 of the scales that an integer's distribution may have.
LOG_SCALES = (-4.0, 6.5)
# By this the logistic distribution is scaled that is nearest to a normal one.
LOGISTIC = 1.7
# Below this probability a code length has no derivative that float32 could tell.
LEAST = 1e-7
# What networks see of an integer is cut at so many deviations, and its logarithm at so much.
FURTHEST, LARGEST = 8, 255


@keras.saving.register_keras_serializable(package="umbed_keras")
class ScalarContext(keras.layers.Layer):
    """A density of each integer of a grid of vectors that depends on its neighbours.

    Channels come in groups, each as large as all before it (Minnen & Singh 2020), and in each
    group places in three turns, the last a half of the checkerboard (He et al. 2021): a pass for
    each group and turn. A small network of each group predicts mean and scale of logistic
    distributions from the integers of earlier passes in its 3x3 neighbourhood. It sees them by two
    numbers: relative to their channel's deviation, and the logarithm of their magnitude.

    What an entropy coder needs is computed in integers (`umbed_keras.codec.exact_context`): the
    same on every machine and backend.

    Args:
        channels: int, entries of a vector, best by falling variance.
        units: int, width of the networks.
        summary_units: int, numbers to which what a network sees of a place is brought together.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("channels",)
    preset_limits: ClassVar = {"units": 1 << 20, "summary_units": 1 << 20}

    # The entry of a bottleneck's configuration in which one may stand.
    preset_role = "context"

    def __init__(self, channels, units=64, summary_units=48, **kwargs):
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

    def build(self, input_shape=None):
        # A power of 2, so that what is divided by it stays exact.
        self.deviation = add_state(self, "deviation", (self.channels,), "ones")
        # The logarithm to base 2 of each channel's scale, where the networks say nothing.
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

    def call(self, values, integers):
        """The code length in bits of values at the places of integers, given the latter.

        Args:
            values: float32 `(batch, rows, cols, channels)`: the integers, or with noise.
            integers: float32 like `values`, in which neighbours are looked up.

        Returns:
            float32 like `values`.
        """
        return self.bits_of(values, self.parameters(integers))

    def parameters(self, integers):
        """Mean, and logarithm to base 2 of the scale, of each integer, float32 like `integers`."""
        _, rows, cols, _ = ops.shape(integers)
        turns = turn_of(rows, cols)
        seen = self._seen(integers)
        pairs = [group(seen, turns) for group in self.groups]
        means, log_scales = (ops.concatenate(parts, axis=-1) for parts in zip(*pairs, strict=True))
        return means * self.deviation, log_scales + self.log_scale

    @staticmethod
    def bits_of(values, parameters):
        """The code length in bits of values, float32 like them, by `parameters`."""
        mean, log_scale = parameters
        slope = LOGISTIC * ops.exp(-math.log(2) * ops.clip(log_scale, *LOG_SCALES))
        # On the side of the sigmoid where its values are small, and differences exact.
        distance = -ops.abs(values - mean)
        mass = ops.sigmoid(slope * (distance + 0.5)) - ops.sigmoid(slope * (distance - 0.5))
        return -ops.log(ops.maximum(mass, LEAST)) / math.log(2)

    def adapt(self, values):
        """Starts the scales at the deviations of integers `(n, channels)` on the host."""
        if not self.built:
            self.build()
            self.built = True
        # Rounded values that are all 0 may yet be something else once in a while.
        logs = np.log2(np.maximum(np.std(np.round(values), axis=0, dtype="float64"), 0.15))
        self.log_scale.assign(logs)
        self.deviation.assign(2.0 ** np.maximum(np.round(logs), -2.0))

    def scale_widths(self, factor):
        """Widens all distributions."""
        self.log_scale.assign_add(ops.full((self.channels,), math.log2(factor)))

    def _seen(self, integers):
        """What networks see, `(batch, rows, cols, 2 * channels)`: two numbers an integer."""
        relative = ops.clip(integers / self.deviation, -FURTHEST, FURTHEST)
        logarithm = ops.log(1 + ops.minimum(ops.abs(integers), LARGEST)) / math.log(2)
        pairs = 0.5 * ops.stack([relative, logarithm], axis=-1)
        return ops.reshape(pairs, (*ops.shape(integers)[:3], 2 * self.channels))

    def get_config(self):
        return {
            **super().get_config(),
            "channels": self.channels,
            "units": self.units,
            "summary_units": self.summary_units,
        }


@keras.saving.register_keras_serializable(package="umbed_keras")
class ContextGroup(keras.layers.Layer):
    """The network of a group of channels of a `ScalarContext`.

    Args:
        start, end: ints, the group's channels; those before `start` are known everywhere.
        units: int, width.
        summary_units: int, numbers to which what is seen of a place is brought together.
    """

    def __init__(self, start, end, units, summary_units, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.start = int(start)
        self.end = int(end)
        self.units = int(units)
        self.summary_units = int(summary_units)

    def build(self, input_shape=None):
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
        self.turn_bias = weight("turn_bias", PLACES, units)
        self.middle = weight("middle", units, units)
        self.middle_bias = zeros("middle_bias", units)
        self.head = zeros("head", units, own)
        self.head_bias = zeros("head_bias", own)

    def call(self, seen, turns):
        """Mean and log scale, each `(batch, rows, cols, end - start)`, of the group's integers.

        Args:
            seen: float32 `(batch, rows, cols, 2 * channels)`.
            turns: int32 `(rows, cols, 1)`, 0 to `PLACES - 1`.
        """
        features = ops.take(as_float32(self.turn_bias), turns[..., 0], axis=0)[None]
        if self.start:
            known = dense(
                seen[..., : 2 * self.start],
                as_float32(self.summarize_known),
                as_float32(self.known_bias),
            )
            features = features + convolution(
                ops.relu(known), as_float32(self.known_kernel), padding=1
            )
        own = dense(seen[..., 2 * self.start : 2 * self.end], as_float32(self.summarize_own))
        kernel = as_float32(self.own_kernel)
        for turn in range(1, PLACES):
            before, now = (ops.cast(mask, "float32") for mask in (turns < turn, turns == turn))
            features = features + now * convolution(own * before, kernel, padding=1)
        features = ops.relu(features)
        features = ops.relu(dense(features, as_float32(self.middle), as_float32(self.middle_bias)))
        return ops.split(
            dense(features, as_float32(self.head), as_float32(self.head_bias)), 2, axis=-1
        )

    def get_config(self):
        names = ("start", "end", "units", "summary_units")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def turn_of(rows, cols):
    """In which turn each place of a grid comes, int32 `(rows, cols, 1)`."""
    row, col = ops.arange(rows, dtype="int32")[:, None], ops.arange(cols, dtype="int32")[None]
    other_half = ops.mod(row + col, 2)
    return ops.where(other_half == 1, 2, ops.mod(row, 2) + 0 * col)[..., None]
