"""The predictions of a `ScalarContext` in integers, for an entropy coder.

Coder and decoder must agree on every probability to the last bit, whatever machine and backend
each runs on (Balle, Johnston & Minnen 2019, "Integer networks for data compression"). Here weights
and activations are whole multiples of `1 / ONE`, kept in NumPy's float64 and so small that all
their products and sums are below 2^53: each is exact, in whatever order it is summed.
"""

import functools

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.scalar_context import (
    FURTHEST,
    LARGEST,
    LOG_SCALES,
    LOGISTIC,
    PLACES,
)

ONE = 2**12
# Weights and activations go no further than this.
LARGEST_WEIGHT, LARGEST_ACTIVATION = 32 * ONE, 256 * ONE
# Steps from one scale to twice it, and between neighbouring integers for the mean.
SCALES_AN_OCTAVE, FRACTIONS = 6, 16
NUM_SCALES = round(SCALES_AN_OCTAVE * (LOG_SCALES[1] - LOG_SCALES[0])) + 1
# Integers further than this from the one nearest to the mean, or less likely than `RARE`, are
# left to the coder's escape, which every table leaves at least so much probability.
REACH = 255
# What escapes is coded whole.
ESCAPED_BITS = 32
TABLE_ONE, RARE = 2**20, 2**4


class ExactContext:
    """The passes of a `ScalarContext` over the integers of one image.

    Args:
        context: built `ScalarContext`; its weights are read once.
    """

    def __init__(self, context):
        self.channels = context.channels
        self.deviation = _array(context.deviation)
        self.log_scale = _whole(context.log_scale)
        self.groups = [_Group(group) for group in context.groups]
        magnitudes = np.arange(LARGEST + 1)
        self.logarithms = np.round(ONE / 2 * np.log2(1 + magnitudes))

    @property
    def num_passes(self):
        """How many times some of an image's integers are predicted from those known before."""
        return PLACES * len(self.groups)

    def places(self, number, rows, cols):
        """Which integers a pass predicts, bool `(rows, cols, channels)`: one pass for each."""
        group, turn = divmod(number, PLACES)
        found = np.zeros((rows, cols, self.channels), bool)
        inside = _turns(rows, cols) == turn
        found[inside, self.groups[group].start : self.groups[group].end] = True
        return found

    def predict(self, indices, number):
        """The distribution of each integer of a pass, given those of the passes before.

        Args:
            indices: integers `(rows, cols, channels)`; those of this pass and later ones are not
                looked at.
            number: int, the pass, from 0.

        Returns:
            `(table, centre)`, int32 `(n,)` each, in the order of `places`: the row of `tables`,
            and what is to be subtracted from the integer before it is looked up there.
        """
        group, turn = divmod(number, PLACES)
        network = self.groups[group]
        seen = self._seen(np.asarray(indices)[..., : network.end])
        mean, log_scale = network.outputs(seen, turn)
        channels = slice(network.start, network.end)
        mean = np.floor(mean * self.deviation[channels] * (FRACTIONS / ONE) + 0.5)
        centre = np.floor((mean + FRACTIONS / 2) / FRACTIONS)
        fraction = mean - FRACTIONS * centre + FRACTIONS / 2
        above = log_scale + self.log_scale[channels] - LOG_SCALES[0] * ONE
        scale = np.floor(above * SCALES_AN_OCTAVE / ONE + 0.5)
        table = np.clip(scale, 0, NUM_SCALES - 1) * FRACTIONS + fraction
        return table.astype("int32").ravel(), centre.astype("int32").ravel()

    def code_length(self, indices):
        """Bits of the integers `(rows, cols, channels)` of an image by the coder's tables."""
        tables, bits = self.tables(), 0.0
        for number in range(self.num_passes):
            table, centre = self.predict(indices, number)
            symbols = indices[self.places(number, *indices.shape[:2])] - centre
            inside = np.abs(symbols) <= REACH
            chances = tables[table, np.clip(symbols, -REACH, REACH) + REACH]
            escape = 1 - tables[table].sum(axis=1)
            escaped = ~inside | (chances == 0)
            bits += np.sum(-np.log2(np.where(escaped, escape, chances)))
            bits += ESCAPED_BITS * np.sum(escaped)
        return float(bits)

    @staticmethod
    @functools.cache
    def tables():
        """Probabilities of `integer - centre` from `-REACH` to `REACH`, float64 `(T, n)`.

        Whole multiples of 2^-20. What a row lacks to 1 is the probability of an escape.
        """
        scales = 2.0 ** (LOG_SCALES[0] + np.arange(NUM_SCALES) / SCALES_AN_OCTAVE)
        fractions = (np.arange(FRACTIONS) - FRACTIONS / 2) / FRACTIONS
        edges = np.arange(-REACH, REACH + 2) - 0.5 - fractions[:, None]
        shares = edges / scales[:, None, None] * LOGISTIC
        cumulative = 0.5 * (1 + np.tanh(shares / 2))
        masses = np.diff(cumulative).reshape(-1, 2 * REACH + 1)
        counts = np.floor((TABLE_ONE - 2 * RARE) * masses)
        counts[counts < RARE] = 0
        return counts / TABLE_ONE

    def _seen(self, indices):
        """What networks see, whole multiples of `1 / ONE`: `(rows, cols, 2 * channels)`."""
        indices = indices.astype("float64")
        deviation = self.deviation[: indices.shape[2]]
        relative = np.clip(indices / deviation, -FURTHEST, FURTHEST) * (ONE // 2)
        logarithm = self.logarithms[np.minimum(np.abs(indices), LARGEST).astype(int)]
        return np.stack([relative, logarithm], axis=-1).reshape(*indices.shape[:2], -1)


class _Group:
    """A `ContextGroup` in integers."""

    def __init__(self, group):
        self.start, self.end = group.start, group.end
        names = ["summarize_own", "own_kernel", "turn_bias", "middle", "middle_bias"]
        names += ["head", "head_bias"]
        if self.start:
            names += ["summarize_known", "known_bias", "known_kernel"]
        for name in names:
            setattr(self, name, _whole(getattr(group, name)))

    def outputs(self, seen, turn):
        """Mean and log scale at the places of a turn, `(n, channels)` each, times `ONE`."""
        turns = _turns(*seen.shape[:2])
        at = np.nonzero(turns == turn)
        sums = ONE * self.turn_bias[turn]
        if self.start:
            known = seen[..., : 2 * self.start] @ self.summarize_known + ONE * self.known_bias
            sums = sums + _neighbours(_activation(known), at) @ _rows(self.known_kernel)
        if turn:
            own = seen[..., 2 * self.start :] * (turns < turn)[..., None]
            own = _bounded(own @ self.summarize_own)
            sums = sums + _neighbours(own, at) @ _rows(self.own_kernel)
        hidden = _activation(np.broadcast_to(sums, (len(at[0]), sums.shape[-1])))
        hidden = _activation(hidden @ self.middle + ONE * self.middle_bias)
        return np.split(_bounded(hidden @ self.head + ONE * self.head_bias), 2, axis=-1)


def _array(weight):
    return ops.convert_to_numpy(weight).astype("float64")


def _whole(weight):
    return np.clip(np.round(ONE * _array(weight)), -LARGEST_WEIGHT, LARGEST_WEIGHT)


def _bounded(sums):
    """Sums of products, which are multiples of `1 / ONE^2`, back to `1 / ONE`."""
    return np.clip(np.floor(sums / ONE), -LARGEST_ACTIVATION, LARGEST_ACTIVATION)


def _activation(sums):
    return np.maximum(_bounded(sums), 0)


def _neighbours(features, at):
    """The 3x3 neighbourhoods of places, zeros beyond the borders: `(n, 9 * features)`."""
    padded = np.pad(features, ((1, 1), (1, 1), (0, 0)))
    rows, cols = at
    shifts = [padded[rows + down, cols + right] for down in range(3) for right in range(3)]
    return np.concatenate(shifts, axis=-1)


def _rows(kernel):
    return kernel.reshape(-1, kernel.shape[-1])


def _turns(rows, cols):
    row, col = np.ogrid[:rows, :cols]
    return np.where((row + col) % 2 == 1, 2, row % 2 + 0 * col)
