"""The order in which a map is coded, and the four known neighbours of each position."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# Number of distances of neighbours that a network tells apart: 1, 2, and more.
DISTANCES = 3
# Kinds of passes: the first position; diagonal neighbours at each distance; direct neighbours
# (left, right, above, below) at each distance.
NUM_KINDS = 1 + 2 * DISTANCES


class Pass(NamedTuple):
    """Positions of a map that are coded at once.

    Attributes:
        kind: int: 0 for the first position, `1 + d` for diagonal neighbours and
            `1 + DISTANCES + d` for direct neighbours, where d is 0 for distance 1, 1 for distance
            2 and 2 for larger distances.
        positions: int64 array `(n,)`, indices into the flattened map.
        neighbours: int64 array `(n, 4)`, indices of positions of earlier passes.

    Examples:
        >>> [(part.kind, part.positions.tolist()) for part in interlaced_passes(2, 2)]
        [(0, [0]), (1, [3]), (4, [1, 2])]
    """

    kind: int
    positions: np.ndarray
    neighbours: np.ndarray


def interlaced_passes(rows: int, cols: int) -> Iterator[Pass]:
    """Divides a map into passes over ever finer grids.

    As in hierarchical interpolation (Roos, Viergever, van Dijke & Peters 1988) and PNG's Adam7,
    each step halves the distance of known positions: first it adds the centres of squares of known
    positions, then the positions between those in rows and columns. All positions of a pass are
    independent given the passes before it, and a map of n positions takes about `2 * log2(n)`
    passes. A neighbour outside the map is replaced by the one on the opposite side.

    Args:
        rows: int >= 1, height of the map.
        cols: int >= 1, width of the map.

    Yields:
        `Pass`. Every position belongs to one of them.

    Examples:
        >>> for part in interlaced_passes(1, 3):
        ...     print(part.kind, part.positions.tolist(), part.neighbours.tolist())
        0 [0] [[0, 0, 0, 0]]
        5 [2] [[0, 0, 0, 0]]
        4 [1] [[0, 0, 0, 2]]
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
        row, col = (np.concatenate(grids) for grids in zip(*parts, strict=True))
        around = [(row - half, col), (row + half, col), (row, col - half), (row, col + half)]
        in_row = np.arange(len(row)) < len(parts[0][0])
        known = row - half * ~in_row, col - half * in_row
        yield from _pass(1 + DISTANCES + distance, row, col, around, known, rows, cols)
        half >>= 1


def _grid(rows: np.ndarray, cols: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns row and column of all positions of a grid."""
    return np.repeat(rows, len(cols)), np.tile(cols, len(rows))


def _pass(kind, row, col, around, known, rows, cols) -> Iterator[Pass]:
    """Yields the pass over positions `(row, col)`, if there are any.

    `around` are the four neighbours, some perhaps outside the map. `known` are neighbours that
    surely lie inside.
    """
    if not len(row):
        return
    neighbours = []
    for y, x in around:
        # The opposite neighbour.
        y = np.where((y < 0) | (y >= rows), 2 * row - y, y)
        x = np.where((x < 0) | (x >= cols), 2 * col - x, x)
        inside = (y >= 0) & (y < rows) & (x >= 0) & (x < cols)
        neighbours.append(np.where(inside, y * cols + x, known[0] * cols + known[1]))
    yield Pass(kind, row * cols + col, np.stack(neighbours, axis=1))
