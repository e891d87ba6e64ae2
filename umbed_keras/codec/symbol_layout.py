"""Temporary."""

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR, NUMBER


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
