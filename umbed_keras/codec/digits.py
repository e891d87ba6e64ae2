"""Symbols of many values as two of few."""


def split(size):
    """How many values the two digits of a symbol have: `(high, low)`, `low` 1 where one will do.

    A symbol is `high digit * low + low digit`: an alphabet of 512 costs two of 32 and 16 at most.
    """
    if size <= 32:
        return size, 1
    low = 1 << (size - 1).bit_length() // 2
    return -(-size // low), low


def lows(size):
    """How many low digits there are over all high ones; none where one digit will do."""
    high, low = split(size)
    return high * low if low > 1 else 0
