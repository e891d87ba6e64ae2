"""Integers of any size, coded by tables of frequencies with an escape."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from umbed_keras.codec.integer_context import TABLE_ONE
from umbed_keras.codec.range_coder import Decoder, Encoder

# Bytes of an integer after an escape.
BYTES = 4
# Largest magnitude of an integer.
LARGEST = 2**24


class Context(Protocol):
    """What a `TableModel` asks of its context: `IntegerContext` or `ChannelTables`.

    Examples:
        >>> arrays = density_arrays([(-1, np.array([0.25, 0.5, 0.25]))])
        >>> context: Context = ChannelTables(1, arrays)
        >>> context.num_passes
        1
    """

    channels: int

    @property
    def num_passes(self) -> int:
        """Number of passes in which the integers of a map are coded."""
        ...

    def pass_mask(self, number: int, rows: int, cols: int) -> np.ndarray:
        """Marks the integers of a pass, bool `(rows, cols, channels)`."""
        ...

    def predict(self, indices: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns table and centre of each integer of a pass, int32 `(n,)`."""
        ...

    def frequencies(self) -> np.ndarray:
        """Returns the tables, whole numbers in float64 `(tables, 2 * reach + 2)`."""
        ...


class TableModel:
    """Codes maps of integers pass by pass, each integer by the table that a context chooses.

    A table holds the frequencies of `integer - centre` from `-reach` to `reach`, and last the
    frequency of the escape, which stands for all other integers. They follow in 32 bits.

    Args:
        context: `IntegerContext` or `ChannelTables`.

    Examples:
        >>> arrays = density_arrays([(-1, np.array([0.25, 0.5, 0.25]))])
        >>> model, encoder = TableModel(ChannelTables(1, arrays)), Encoder()
        >>> _ = model.transfer(encoder, np.array([[0], [-1], [99]]), rows=1, cols=3)
        >>> model.transfer(Decoder(encoder.data()), None, rows=1, cols=3).tolist()
        [[0], [-1], [99]]
    """

    def __init__(self, context: Context):
        self.context, self.tables = context, context.frequencies()
        self.reach = self.tables.shape[1] // 2 - 1

    @property
    def least_bits(self) -> float:
        """The least cost in bits of the integers of a position."""
        shares = self.tables.max(axis=1) / self.tables.sum(axis=1)
        return float(-np.log2(shares.max()) * self.context.channels)

    def transfer(
        self, coder: Encoder | Decoder, symbols: np.ndarray | None, rows: int, cols: int
    ) -> np.ndarray:
        """Writes the integers of a map to an encoder, or reads them from a decoder.

        Args:
            coder: `Encoder` or `Decoder`.
            symbols: int32 `(rows * cols, channels)`, or None if they are to be read.
            rows: int, height of the map.
            cols: int, width of the map.

        Returns:
            int32 array `(rows * cols, channels)`, the integers.

        Raises:
            ValueError: if the magnitude of an integer is above 2^24, or a stream is damaged.
        """
        given = None if symbols is None else symbols.reshape(rows, cols, -1)
        integers = np.zeros((rows, cols, self.context.channels), "int32")
        for number in range(self.context.num_passes):
            mask = self.context.pass_mask(number, rows, cols)
            if mask.any():
                table, centre = self.context.predict(integers, number)
                values = None if given is None else given[mask]
                integers[mask] = self._transfer(coder, values, table, centre)
        return integers.reshape(rows * cols, -1)

    def _transfer(self, coder, values, table, centre) -> np.ndarray:
        """Transfers the integers of a pass, table by table, then those that escaped."""
        escape = 2 * self.reach + 1
        if values is not None:
            offset = values.astype("int64") - centre
            symbols = np.where(np.abs(offset) > self.reach, escape, offset + self.reach)
            symbols[self.tables[table, symbols] == 0] = escape
        order = np.argsort(table, kind="stable")
        rows, starts = np.unique(table[order], return_index=True)
        result = np.empty(len(table), "int64")
        for row, part in zip(rows, np.split(order, starts[1:]), strict=True):
            chosen = None if values is None else symbols[part]
            result[part] = coder.transfer_alike(chosen, len(part), self.tables[row])
        escaped = np.flatnonzero(result == escape)
        result += centre - self.reach
        if len(escaped):
            given = None if values is None else values[escaped]
            result[escaped] = self._transfer_whole(coder, given, len(escaped))
        if np.abs(result).max() > LARGEST:
            raise ValueError(
                f"Integers beyond {LARGEST} aren't coded; a stream with one is damaged."
            )
        return result

    @staticmethod
    def _transfer_whole(coder, values, count) -> np.ndarray:
        """Transfers integers byte by byte, with equal probabilities."""
        whole = np.zeros(count, "uint32")
        for shift in range(0, 8 * BYTES, 8):
            part = None if values is None else values.astype("int32").view("uint32") >> shift & 255
            part = coder.transfer_alike(part, count, np.ones(256))
            whole |= part.astype("uint32") << np.uint32(shift)
        return whole.view("int32")


class ChannelTables:
    """A context in which each channel has one table, and all integers are one pass.

    Args:
        channels: int, number of channels.
        arrays: `centres` and `counts`, as `density_arrays` returns them.

    Raises:
        ValueError: if `arrays` have other shapes or dtypes, or impossible values.

    Examples:
        >>> tables = [(-1, np.array([0.25, 0.5, 0.25])), (4, np.array([0.5, 0.5]))]
        >>> context = ChannelTables(2, density_arrays(tables))
        >>> context.predict(np.zeros((1, 1, 2), "int32"), 0)[1].tolist()
        [0, 5]
    """

    num_passes = 1

    def __init__(self, channels: int, arrays: Mapping[str, np.ndarray]):
        centres, counts = (arrays.get(name, np.zeros(0)) for name in ("centres", "counts"))
        if centres.shape != (channels,) or counts.ndim != 2 or counts.dtype != "int32":
            raise ValueError(f"The codec must hold tables of {channels} channels.")
        if len(counts) != len(centres) or counts.shape[1] % 2 or centres.dtype != "int32":
            raise ValueError("The codec's counts must be a row a channel.")
        positive = (counts >= 0).all() and (counts[:, -1] > 0).all()
        if not (positive and (abs(centres) < LARGEST).all()):
            raise ValueError("The codec's counts must be 0 or more, and escapes' above it.")
        self.channels, self.centres, self._counts = channels, centres, counts

    def pass_mask(self, number: int, rows: int, cols: int) -> np.ndarray:
        """Marks all integers, bool `(rows, cols, channels)`; see `Context.pass_mask`."""
        return np.ones((rows, cols, self.channels), bool)

    def predict(self, indices: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the table and the centre of the channel of each integer."""
        count = indices.shape[0] * indices.shape[1]
        return np.tile(np.arange(self.channels), count), np.tile(self.centres, count)

    def frequencies(self) -> np.ndarray:
        """Returns the tables, whole numbers in float64 `(channels, 2 * reach + 2)`."""
        return self._counts.astype("float64")


def density_arrays(tables: Sequence[tuple[int, np.ndarray]]) -> dict[str, np.ndarray]:
    """Converts the tables of a learned density to the arrays of a codec.

    Args:
        tables: for each channel the first integer of its table, and the probabilities, float64
            `(n,)`, as `FactorizedDensity.tables` returns them.

    Returns:
        `centres`, int32 `(channels,)`, and `counts`, int32 `(channels, 2 * reach + 2)`: the
        frequencies around each centre, and last that of all other integers.

    Examples:
        >>> arrays = density_arrays([(-1, np.array([0.25, 0.5, 0.25]))])
        >>> arrays["counts"].tolist()
        [[262144, 524288, 262144, 1]]
    """
    reach = max(len(probabilities) for _, probabilities in tables) // 2
    counts = np.zeros((len(tables), 2 * reach + 2), "int32")
    centres = np.zeros(len(tables), "int32")
    for row, (first, probabilities) in enumerate(tables):
        centres[row] = first + reach
        counts[row, : len(probabilities)] = np.floor(TABLE_ONE * probabilities)
        counts[row, -1] = max(TABLE_ONE - counts[row].sum(), 1)
    return {"centres": centres, "counts": counts}
