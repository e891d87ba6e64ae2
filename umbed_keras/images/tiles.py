"""Tiles of images, and the windows that they depend on."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.ops.reflect import reflect_index


def tile_grid(shape: Sequence[int], tile_shape: Sequence[int]) -> list[tuple[slice, ...]]:
    """Divides an array into tiles.

    Args:
        shape: ints, sizes of the array's axes.
        tile_shape: ints, size of a tile along each axis. The last tiles of an axis may be smaller.

    Returns:
        List of tuples of slices, one for each axis, in row-major order.

    Examples:
        >>> tile_grid((3, 2), (2, 2))
        [(slice(0, 2, None), slice(0, 2, None)), (slice(2, 3, None), slice(0, 2, None))]
    """
    axes = (
        [slice(start, min(start + step, size)) for start in range(0, size, step)]
        for size, step in zip(shape, tile_shape, strict=True)
    )
    return list(itertools.product(*axes))


def tile_views(
    images: Any,
    tile: tuple[slice, slice, slice],
    stride: int,
    halo: int,
    reach: int,
    alignment: int = 1,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Reads the two windows of images that the vectors of a tile depend on.

    Args:
        images: NumPy array or `StoredImage`, `(batch, height, width, channels)`, uint8 (0..255) or
            floats in 0..1.
        tile: slices of batch, rows and columns. Rows and columns start at multiples of `stride`.
        stride: int, pixels. The view starts and ends at multiples of it. Only there it leaves the
            images, which are reflected.
        halo: int, pixels, multiple of `stride`. How far the view reaches beyond the tile.
        reach: int, pixels. How far the surrounded tile reaches beyond the tile, above and to the
            left; one pixel less below and to the right. It is reflected at the images' borders.
        alignment: int, pixels. Where it is larger than `stride`, the view ends as that of a tile
            which ends at a multiple of it.

    Returns:
        Tuple `(view, surrounded, top, left)`: two NumPy float32 arrays
        `(batch, rows, cols, channels)` in 0..1, and the row and column of the view at which the
        tile starts.

    Examples:
        >>> images = np.zeros((1, 40, 40, 3), "uint8")
        >>> tile = slice(0, 1), slice(16, 32), slice(0, 16)
        >>> view, surrounded, top, left = tile_views(images, tile, stride=8, halo=8, reach=4)
        >>> view.shape, surrounded.shape, top, left
        ((1, 32, 24, 3), (1, 23, 23, 3), 8, 0)
    """
    chosen, *inside = tile
    sides = list(zip(inside, images.shape[1:3], strict=True))
    views = [
        _view(side.start, side.stop + -side.stop % alignment, size, stride, halo)
        for side, size in sides
    ]
    surroundings = [(side.start - reach, side.stop + reach - 1) for side in inside]
    top, left = (side.start - view[0] for side, view in zip(inside, views, strict=True))
    return window(images, chosen, *views), window(images, chosen, *surroundings), top, left


def window(images: Any, chosen: slice, rows: tuple[int, int], cols: tuple[int, int]) -> np.ndarray:
    """Reads a window of images, reflected where it leaves them.

    Args:
        images: NumPy array or `StoredImage`, `(batch, height, width, channels)`, uint8 (0..255) or
            floats in 0..1. Of an image on disk nothing outside the window is read.
        chosen: slice of the batch.
        rows: pair of ints, first row and the row after the last; may lie outside the images.
        cols: pair of ints, columns likewise.

    Returns:
        NumPy array `(batch, rows, cols, channels)`, floats in 0..1.

    Examples:
        >>> image = np.array([[0, 51, 102]], "uint8")[None, ..., None]
        >>> row = window(image, slice(0, 1), (0, 1), (-1, 3))[0, 0, :, 0]
        >>> [round(float(value), 1) for value in row]
        [0.2, 0.0, 0.2, 0.4]
    """
    positions = [
        ops.convert_to_numpy(reflect_index(np.arange(*span, dtype="int32"), size))
        for span, size in zip((rows, cols), images.shape[1:3], strict=True)
    ]
    region = images[(chosen, *(slice(axis.min(), axis.max() + 1) for axis in positions))]
    for axis, indices in enumerate(positions, start=1):
        if len(indices) != region.shape[axis] or (np.diff(indices) != 1).any():
            region = np.take(region, indices - indices.min(), axis=axis)
    return region.astype("float32") / 255 if region.dtype == np.uint8 else region


def _view(start: int, stop: int, size: int, stride: int, halo: int) -> tuple[int, int]:
    """Returns the range along an axis that positions from start to stop depend on."""
    end = min(stop + -stop % stride + halo, size + -size % stride)
    return max(start - halo, 0), end
