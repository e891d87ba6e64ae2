"""Integers of any size, by tables of probabilities and an escape."""

import functools

import numpy as np

from umbed_keras.codec.exact_context import ExactContext

# Of tables, what a row comes to; of what escapes, how it is written: bytes of 32 bits.
TABLE_ONE = 2**20
BYTES = 4
# Integers beyond this are in no code.
LARGEST = 2**24


class TableModel:
    """Codes integers pass by pass, each by a row of a table that a context chooses.

    Args:
        context: `ExactContext`, or another object with `channels`, `num_passes`, `places` and
            `predict`.
        tables: whole numbers `(T, 2 * reach + 2)`, float64: how probable `integer - centre` is
            from `-reach` to `reach`, and, last, all the others.
    """

    def __init__(self, context, tables):
        self.context, self.tables = context, tables
        self.reach = tables.shape[1] // 2 - 1

    @property
    def least_bits(self):
        """What the integers of a place cost at least."""
        shares = self.tables.max(axis=1) / self.tables.sum(axis=1)
        return float(-np.log2(shares.max()) * self.context.channels)

    def transfer(self, coder, symbols, rows, cols):
        """As `IntegerNetwork.transfer`, of integers `(rows * cols, channels)`."""
        given = None if symbols is None else symbols.reshape(rows, cols, -1)
        found = np.zeros((rows, cols, self.context.channels), "int32")
        for number in range(self.context.num_passes):
            places = self.context.places(number, rows, cols)
            if places.any():
                rule = self.context.predict(found, number)
                values = None if given is None else given[places]
                found[places] = self._transfer(coder, values, *rule)
        return found.reshape(rows * cols, -1)

    def _transfer(self, coder, values, table, centre):
        escape = 2 * self.reach + 1
        if values is not None:
            offset = values.astype("int64") - centre
            symbols = np.where(np.abs(offset) > self.reach, escape, offset + self.reach)
            symbols[self.tables[table, symbols] == 0] = escape
        order = np.argsort(table, kind="stable")
        rows, starts = np.unique(table[order], return_index=True)
        found = np.empty(len(table), "int64")
        for row, part in zip(rows, np.split(order, starts[1:]), strict=True):
            chosen = None if values is None else symbols[part]
            found[part] = coder.transfer_alike(chosen, len(part), self.tables[row])
        escaped = np.flatnonzero(found == escape)
        found += centre - self.reach
        if len(escaped):
            given = None if values is None else values[escaped]
            found[escaped] = self._transfer_whole(coder, given, len(escaped))
        if np.abs(found).max() > LARGEST:
            raise ValueError(
                f"Integers beyond {LARGEST} aren't coded; a stream with one is damaged."
            )
        return found

    @staticmethod
    def _transfer_whole(coder, values, count):
        """Integers as they are, 32 bits each."""
        whole = np.zeros(count, "uint32")
        for place in range(0, 8 * BYTES, 8):
            part = None if values is None else values.astype("int32").view("uint32") >> place & 255
            found = coder.transfer_alike(part, count, np.ones(256))
            whole |= found.astype("uint32") << np.uint32(place)
        return whole.view("int32")


class NoContext:
    """Each channel has a row of its own, in one pass.

    Args:
        centres: int32 `(channels,)`, what is subtracted from integers.
    """

    num_passes = 1

    def __init__(self, centres):
        self.centres, self.channels = centres, len(centres)

    def places(self, number, rows, cols):
        return np.ones((rows, cols, self.channels), bool)

    def predict(self, indices, number):
        count = indices.shape[0] * indices.shape[1]
        return np.tile(np.arange(self.channels), count), np.tile(self.centres, count)


@functools.cache
def context_tables():
    """The tables of `ExactContext`, with its escapes."""
    counts = np.rint(ExactContext.tables() * TABLE_ONE)
    return np.concatenate([counts, TABLE_ONE - counts.sum(axis=1, keepdims=True)], axis=1)


def stored_tables(tables):
    """What a learned density says, as a codec's arrays.

    Args:
        tables: list over channels of `(first, probabilities)`.

    Returns:
        `centres`, int32 `(channels,)`, and `counts`, int32 as `TableModel` takes its tables.
    """
    reach = max(len(chances) for _, chances in tables) // 2
    counts = np.zeros((len(tables), 2 * reach + 2), "int32")
    centres = np.zeros(len(tables), "int32")
    for row, (first, chances) in enumerate(tables):
        centres[row] = first + reach
        counts[row, : len(chances)] = np.floor(TABLE_ONE * chances)
        counts[row, -1] = max(TABLE_ONE - counts[row].sum(), 1)
    return {"centres": centres, "counts": counts}
