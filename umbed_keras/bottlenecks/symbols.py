"""What an entropy coder sees of codes: integers of known ranges."""

from typing import NamedTuple

# What a symbol means: one of many things; a point on a scale, whose middle is zero; such a point,
# which multiplies the entry before it; or how many of the entries that follow there are.
ENTRY, NUMBER, FACTOR, COUNT = "entry", "number", "factor", "count"


class Symbol(NamedTuple):
    """One of the integers that a latent vector's code consists of.

    Attributes:
        size: int, it lies in 0 to this less 1.
        role: `"entry"`, `"number"`, `"factor"` or, of the first one, `"count"`. Entries that
            aren't there are 0, and their factors in the middle.
    """

    size: int
    role: str


def num_vectors(symbol):
    """How many vectors a network has for the values of a symbol."""
    return {ENTRY: symbol.size, COUNT: symbol.size, NUMBER: 1, FACTOR: 0}[symbol.role]


def least_counts(symbols):
    """The count from which on each symbol is there: a list of ints, 0 for those always there."""
    found, entries = [], 0
    for _, role in symbols:
        entries += role == ENTRY
        found.append(entries if symbols[0].role == COUNT else 0)
    return found
