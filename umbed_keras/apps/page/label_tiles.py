"""Labels of a plane as tiles of bytes, of which those without labels are left out."""

import struct
from collections.abc import Iterator

import numpy as np

from umbed_keras.segmentation.project.runs import rows_of, with_rows

SIDE = 256
# Row and column of a tile, counted in tiles.
_HEAD = struct.Struct("<II")
_BYTES = _HEAD.size + SIDE * SIDE


def tiles_of(runs: np.ndarray, shape: tuple[int, int]) -> bytes:
    """Returns the tiles of a plane that have labels.

    Args:
        runs: labels of the plane, as `runs_of` returns them, all in 1..255.
        shape: height and width.

    Returns:
        For each tile its row and column in tiles, two uint32, and 256 x 256 labels as bytes, 0
        beyond the plane.

    Examples:
        >>> content = tiles_of(np.array([[300, 2, 7]]), (4, 500))
        >>> len(content) == 8 + 256 * 256, content[4], content[8 + 44]
        (True, 1, 7)
    """
    result = []
    ends = runs[:, 0] + runs[:, 1] - 1
    firsts, lasts = (runs[:, 0] // shape[1] // SIDE, ends // shape[1] // SIDE)
    bands = {
        band for pair in zip(firsts, lasts, strict=True) for band in range(pair[0], pair[1] + 1)
    }
    for band in sorted(bands):
        rows = slice(band * SIDE, min(shape[0], (band + 1) * SIDE))
        labels = rows_of(runs, shape, rows).astype("uint8")
        for col in range(-(-shape[1] // SIDE)):
            part = labels[:, col * SIDE : (col + 1) * SIDE]
            if part.any():
                tile = np.zeros((SIDE, SIDE), "uint8")
                tile[: part.shape[0], : part.shape[1]] = part
                result.append(_HEAD.pack(band, col) + tile.tobytes())
    return b"".join(result)


def with_tiles(runs: np.ndarray, shape: tuple[int, int], content: bytes) -> np.ndarray:
    """Returns the labels of a plane of which some tiles are replaced.

    Args:
        runs, shape: as in `tiles_of`.
        content: tiles, as `tiles_of` returns them.

    Returns:
        Runs of the plane.

    Raises:
        ValueError: if `content` holds no tiles, or tiles beyond the plane.

    Examples:
        >>> content = tiles_of(np.array([[3, 2, 7]]), (4, 5))
        >>> with_tiles(np.array([[0, 5, 1]]), (4, 5), content).tolist()
        [[3, 2, 7]]
    """
    bands: dict[int, list[tuple[int, np.ndarray]]] = {}
    for row, col, labels in _parsed(content):
        if row * SIDE >= shape[0] or col * SIDE >= shape[1]:
            raise ValueError("strokes lie outside of their image")
        bands.setdefault(row, []).append((col, labels))
    for row, tiles in bands.items():
        rows = slice(row * SIDE, min(shape[0], (row + 1) * SIDE))
        band = rows_of(runs, shape, rows)
        for col, labels in tiles:
            part = band[:, col * SIDE : (col + 1) * SIDE]
            part[...] = labels[: part.shape[0], : part.shape[1]]
        runs = with_rows(runs, shape, rows, band)
    return runs


def _parsed(content: bytes) -> Iterator[tuple[int, int, np.ndarray]]:
    if len(content) % _BYTES:
        raise ValueError("strokes are truncated")
    for start in range(0, len(content), _BYTES):
        row, col = _HEAD.unpack_from(content, start)
        flat = np.frombuffer(content, "uint8", SIDE * SIDE, start + _HEAD.size)
        yield row, col, flat.reshape(SIDE, SIDE)
