"""The order in which a map of codes is coded, and what each code can be told from."""

from typing import NamedTuple

import numpy as np

# Kinds of places: the first of all; between four on the diagonals, between four beside, above and
# below; each at a distance of 1, 2, or more.
DISTANCES = 3
NUM_KINDS = 1 + 2 * DISTANCES


class Pass(NamedTuple):
    """Places of a map that are coded at once.

    Attributes:
        kind: int, 0 for the first place, `1 + d` for a pass of diagonal neighbours and
            `1 + DISTANCES + d` for one of direct neighbours, `d` telling their distance.
        places: int `(n,)`, row by row in the flattened map.
        neighbours: int `(n, 4)`, places that are coded before.
    """

    kind: int
    places: np.ndarray
    neighbours: np.ndarray


def passes(rows, cols):
    """An interlaced order: ever finer grids, each place between four that are known.

    As PNG's Adam7 and hierarchical interpolation (Roos et al. 1988): every step halves the
    distance, first by the middles of squares of known places, then by what lies between those in
    rows and columns. All places of a pass are independent given the passes before it, so that a
    map of n places takes about 2 log2(n) steps. Where a neighbour would lie outside, the one
    opposite stands in.

    Args:
        rows, cols: ints, size of the map.

    Yields:
        `Pass`; every place is in one of them.
    """
    yield Pass(0, np.zeros(1, "int64"), np.zeros((1, 4), "int64"))
    half = 1 << max(rows - 1, cols - 1, 0).bit_length() >> 1
    while half:
        distance = min(half.bit_length() - 1, DISTANCES - 1)
        even = [np.arange(0, size, 2 * half) for size in (rows, cols)]
        odd = [np.arange(half, size, 2 * half) for size in (rows, cols)]
        row, col = _grid(odd[0], odd[1])
        around = [(y, x) for y in (row - half, row + half) for x in (col - half, col + half)]
        yield from _pass(1 + distance, row, col, around, (row - half, col - half), rows, cols)
        parts = [_grid(even[0], odd[1]), _grid(odd[0], even[1])]
        row, col = (np.concatenate(places) for places in zip(*parts, strict=True))
        around = [(row - half, col), (row + half, col), (row, col - half), (row, col + half)]
        beside = np.arange(len(row)) < len(parts[0][0])
        known = row - half * ~beside, col - half * beside
        yield from _pass(1 + DISTANCES + distance, row, col, around, known, rows, cols)
        half >>= 1


def _grid(rows, cols):
    return np.repeat(rows, len(cols)), np.tile(cols, len(rows))


def _pass(kind, row, col, around, known, rows, cols):
    """The pass of places `(row, col)`, if there are any; `known` lie inside for certain."""
    if not len(row):
        return
    neighbours = []
    for y, x in around:
        # Mirrored at the place itself.
        y = np.where((y < 0) | (y >= rows), 2 * row - y, y)
        x = np.where((x < 0) | (x >= cols), 2 * col - x, x)
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < cols)
        neighbours.append(np.where(inside, y * cols + x, known[0] * cols + known[1]))
    yield Pass(kind, row * cols + col, np.stack(neighbours, axis=1))
