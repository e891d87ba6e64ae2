"""The predictions of a `ScalarContext` in whole numbers.

Encoder and decoder must agree on every probability to the last bit, whatever the machine and the
backend (Balle, Johnston & Minnen 2019, "Integer networks for data compression with latent-variable
models"). Here weights and activations are whole multiples of `1 / ONE`. They are held in NumPy's
float64 and so small that all products and sums are below 2^53, and therefore exact in any order of
summation.
"""

import functools

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.scalar_context import (
    FURTHEST,
    LARGEST,
    LOG_SCALES,
    LOGISTIC,
    NUM_TURNS,
    ContextGroup,
    ScalarContext,
)
from umbed_keras.typing import Tensor

ONE = 2**12
# Largest magnitudes of weights and activations.
LARGEST_WEIGHT, LARGEST_ACTIVATION = 32 * ONE, 256 * ONE
# Scales of tables for each doubling, and fractions of the mean between neighbouring integers.
SCALES_PER_OCTAVE, FRACTIONS = 6, 16
NUM_SCALES = round(SCALES_PER_OCTAVE * (LOG_SCALES[1] - LOG_SCALES[0])) + 1
# Integers that lie further than this from the one nearest to the mean, or are rarer than `RARE`,
# are coded by the escape. Every table gives the escape at least this frequency.
REACH = 255
# Bits of an integer after an escape.
ESCAPED_BITS = 32
# Sum of the frequencies of a table.
TABLE_ONE, RARE = 2**20, 2**4


class IntegerContext:
    """Predictions of a `ScalarContext` for the integers of one image, pass by pass.

    Args:
        context: `ScalarContext`, built. Its weights are read once.

    Examples:
        >>> context = uk.layers.ScalarContext(channels=2, units=4, summary_units=4)
        >>> context.build()
        >>> predictions = IntegerContext(context)
        >>> predictions.num_passes
        3
        >>> table, centre = predictions.predict(np.zeros((2, 2, 2), "int32"), 0)
        >>> table.shape, centre.tolist()
        ((2,), [0, 0])
    """

    def __init__(self, context: ScalarContext):
        self.channels = context.channels
        self.deviation = _array(context.deviation)
        self.log_scale = _whole(context.log_scale)
        self.groups = [_Group(group) for group in context.groups]
        magnitudes = np.arange(LARGEST + 1)
        self.logarithms = np.round(ONE / 2 * np.log2(1 + magnitudes))

    @property
    def num_passes(self) -> int:
        """Number of passes. Each predicts some integers from those of the passes before."""
        return NUM_TURNS * len(self.groups)

    def pass_mask(self, number: int, rows: int, cols: int) -> np.ndarray:
        """Marks the integers that a pass predicts. Each integer belongs to one pass.

        Args:
            number: int, the pass, from 0.
            rows: int, height of the map.
            cols: int, width of the map.

        Returns:
            bool array `(rows, cols, channels)`.
        """
        group, turn = divmod(number, NUM_TURNS)
        mask = np.zeros((rows, cols, self.channels), bool)
        inside = _turns(rows, cols) == turn
        mask[inside, self.groups[group].start : self.groups[group].end] = True
        return mask

    def predict(self, indices: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Predicts the distribution of each integer of a pass from those of the passes before.

        Args:
            indices: integers `(rows, cols, channels)`. Those of this pass and of later passes
                have no influence.
            number: int, the pass, from 0.

        Returns:
            Table and centre of each integer, int32 `(n,)`, in the order of `pass_mask`. The table
            is a row of `tables`, and the centre is subtracted from an integer before it is looked
            up there.
        """
        group, turn = divmod(number, NUM_TURNS)
        network = self.groups[group]
        inputs = self._inputs(np.asarray(indices)[..., : network.end])
        mean, log_scale = network.outputs(inputs, turn)
        channels = slice(network.start, network.end)
        mean = np.floor(mean * self.deviation[channels] * (FRACTIONS / ONE) + 0.5)
        centre = np.floor((mean + FRACTIONS / 2) / FRACTIONS)
        fraction = mean - FRACTIONS * centre + FRACTIONS / 2
        above = log_scale + self.log_scale[channels] - LOG_SCALES[0] * ONE
        scale = np.floor(above * SCALES_PER_OCTAVE / ONE + 0.5)
        table = np.clip(scale, 0, NUM_SCALES - 1) * FRACTIONS + fraction
        return table.astype("int32").ravel(), centre.astype("int32").ravel()

    def code_length(self, indices: np.ndarray) -> float:
        """Computes the cost of the integers of an image under the tables.

        Args:
            indices: integers `(rows, cols, channels)`.

        Returns:
            float, bits.
        """
        tables, bits = self.tables(), 0.0
        for number in range(self.num_passes):
            table, centre = self.predict(indices, number)
            symbols = indices[self.pass_mask(number, *indices.shape[:2])] - centre
            inside = np.abs(symbols) <= REACH
            probabilities = tables[table, np.clip(symbols, -REACH, REACH) + REACH]
            escape = 1 - tables[table].sum(axis=1)
            escaped = ~inside | (probabilities == 0)
            bits += np.sum(-np.log2(np.where(escaped, escape, probabilities)))
            bits += ESCAPED_BITS * np.sum(escaped)
        return float(bits)

    @staticmethod
    @functools.cache
    def tables() -> np.ndarray:
        """Computes the probabilities of `integer - centre`.

        Returns:
            float64 `(tables, 2 * REACH + 1)`, from `-REACH` to `REACH`, whole multiples of 2^-20.
            What a row lacks to 1 is the probability of the escape.
        """
        scales = 2.0 ** (LOG_SCALES[0] + np.arange(NUM_SCALES) / SCALES_PER_OCTAVE)
        fractions = (np.arange(FRACTIONS) - FRACTIONS / 2) / FRACTIONS
        edges = np.arange(-REACH, REACH + 2) - 0.5 - fractions[:, None]
        shares = edges / scales[:, None, None] * LOGISTIC
        cumulative = 0.5 * (1 + np.tanh(shares / 2))
        masses = np.diff(cumulative).reshape(-1, 2 * REACH + 1)
        counts = np.floor((TABLE_ONE - 2 * RARE) * masses)
        counts[counts < RARE] = 0
        return counts / TABLE_ONE

    @staticmethod
    @functools.cache
    def frequencies() -> np.ndarray:
        """Returns `tables` in whole numbers, with the escape as the last column."""
        counts = np.rint(IntegerContext.tables() * TABLE_ONE)
        return np.concatenate([counts, TABLE_ONE - counts.sum(axis=1, keepdims=True)], axis=1)

    def _inputs(self, indices):
        """Returns the inputs of the networks times `ONE`, `(rows, cols, 2 * channels)`."""
        indices = indices.astype("float64")
        deviation = self.deviation[: indices.shape[2]]
        relative = np.clip(indices / deviation, -FURTHEST, FURTHEST) * (ONE // 2)
        logarithm = self.logarithms[np.minimum(np.abs(indices), LARGEST).astype(int)]
        return np.stack([relative, logarithm], axis=-1).reshape(*indices.shape[:2], -1)


class _Group:
    """The network of a `ContextGroup` in whole numbers."""

    def __init__(self, group: ContextGroup):
        self.start, self.end = group.start, group.end
        names = ["summarize_own", "own_kernel", "turn_bias", "middle", "middle_bias"]
        names += ["head", "head_bias"]
        if self.start:
            names += ["summarize_known", "known_bias", "known_kernel"]
        for name in names:
            setattr(self, name, _whole(getattr(group, name)))

    def outputs(self, inputs, turn):
        """Returns mean and log scale times `ONE`, `(n, channels)`, at the positions of a turn."""
        turns = _turns(*inputs.shape[:2])
        at = np.nonzero(turns == turn)
        sums = ONE * self.turn_bias[turn]
        if self.start:
            known = inputs[..., : 2 * self.start] @ self.summarize_known + ONE * self.known_bias
            sums = sums + _neighbours(_activation(known), at) @ _rows(self.known_kernel)
        if turn:
            own = inputs[..., 2 * self.start :] * (turns < turn)[..., None]
            own = _bounded(own @ self.summarize_own)
            sums = sums + _neighbours(own, at) @ _rows(self.own_kernel)
        hidden = _activation(np.broadcast_to(sums, (len(at[0]), sums.shape[-1])))
        hidden = _activation(hidden @ self.middle + ONE * self.middle_bias)
        return np.split(_bounded(hidden @ self.head + ONE * self.head_bias), 2, axis=-1)


def _array(weight: Tensor) -> np.ndarray:
    return ops.convert_to_numpy(weight).astype("float64")


def _whole(weight: Tensor) -> np.ndarray:
    """Rounds a weight to a whole multiple of `1 / ONE`, and returns the multiple."""
    return np.clip(np.round(ONE * _array(weight)), -LARGEST_WEIGHT, LARGEST_WEIGHT)


def _bounded(sums):
    """Rounds sums of products, multiples of `1 / ONE^2`, to multiples of `1 / ONE`."""
    return np.clip(np.floor(sums / ONE), -LARGEST_ACTIVATION, LARGEST_ACTIVATION)


def _activation(sums):
    """Rounds sums of products and replaces negative ones by 0 (ReLU)."""
    return np.maximum(_bounded(sums), 0)


def _neighbours(features, at):
    """Returns 3x3 neighbourhoods `(n, 9 * features)` of positions, with zeros outside."""
    padded = np.pad(features, ((1, 1), (1, 1), (0, 0)))
    rows, cols = at
    shifts = [padded[rows + down, cols + right] for down in range(3) for right in range(3)]
    return np.concatenate(shifts, axis=-1)


def _rows(kernel):
    """Returns a kernel `(3, 3, inputs, outputs)` as a matrix."""
    return kernel.reshape(-1, kernel.shape[-1])


def _turns(rows, cols):
    """Returns the turn of each position of a map, int `(rows, cols)`."""
    row, col = np.ogrid[:rows, :cols]
    return np.where((row + col) % 2 == 1, 2, row % 2 + 0 * col)
