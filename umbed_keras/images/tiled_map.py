"""Computing an image tile by tile, in bounded memory."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from umbed_keras.images.tiles import tile_grid


def tiled_map(
    function: Callable[..., Any],
    shape: Sequence[int],
    tile_shape: Sequence[int],
    out: Any = None,
    halo: int = 0,
    verbose: int = 0,
) -> Any:
    """Computes an array tile by tile.

    The function is called on the window of each tile: the tile and `halo` positions around it,
    as far as the array has them. The halo of the result is cut off. The function reads its input
    itself, so that an image on disk is never read as a whole.

    Args:
        function: callable that takes one slice for each axis in `shape` and returns an array
            whose leading axes are as long as the slices, or a nested structure of such arrays.
        shape: ints, sizes of the leading axes of the result. Further axes are not divided.
        tile_shape: ints, size of a tile along each of these axes. Tiles start at multiples of it.
        out: array to write to: NumPy array, memory map, Zarr array or anything else that has
            `dtype` and takes assignments to slices. None allocates NumPy arrays like those that
            the function returns.
        halo: int, positions around a tile that its window includes, on every side and axis.
        verbose: int, 1 shows a progress bar, 0 shows nothing.

    Returns:
        `out`, or new NumPy arrays in the structure that the function returns.

    Examples:
        >>> image = np.arange(12).reshape(3, 4)
        >>> tiled_map(lambda rows, cols: 2 * image[rows, cols], (3, 4), (2, 2)).tolist()
        [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20, 22]]
    """
    tiles = tile_grid(shape, tile_shape)
    progress = keras.utils.Progbar(len(tiles), verbose=verbose, unit_name="tile")
    for tile in tiles:
        window = tuple(
            slice(max(0, side.start - halo), min(size, side.stop + halo))
            for side, size in zip(tile, shape, strict=True)
        )
        inside = tuple(
            slice(side.start - seen.start, side.stop - seen.start)
            for side, seen in zip(tile, window, strict=True)
        )
        results = keras.tree.map_structure(lambda part, cut=inside: part[cut], function(*window))
        progress.add(1)
        if out is None:
            if len(tiles) == 1:
                # Backends return arrays that are not writable or not contiguous.
                return keras.tree.map_structure(
                    lambda part: np.require(part, requirements=["C", "W"]), results
                )
            out = _allocated(shape, results)
        for whole, part in zip(keras.tree.flatten(out), keras.tree.flatten(results), strict=True):
            whole[tile] = part.astype(whole.dtype, copy=False)
    return out


def output_array(
    out: Any, shape: Sequence[int], dtype: Any, values: np.ndarray | None = None
) -> Any:
    """Checks the array that results are written to, or allocates it.

    Args:
        out: array-like with `shape` and `dtype`, or None for a new NumPy array.
        shape: ints, the shape that `out` must have.
        dtype: dtype of a new array, and of `out` where there are no `values`.
        values: NumPy array of integers. Where given, `out` may have any integer dtype that
            represents all of them.

    Returns:
        `out`, or an uninitialised NumPy array.

    Raises:
        ValueError: if `out` has another shape, or a dtype that does not hold the results.

    Examples:
        >>> output_array(None, (2, 3), "float32").shape
        (2, 3)
        >>> labels = np.zeros((2, 3), "uint8")
        >>> output_array(labels, (2, 3), "int64", values=np.array([1, 200])) is labels
        True
    """
    if out is None:
        return np.empty(shape, dtype)
    if values is None:
        kind = f"a {np.dtype(dtype).name} array of shape {tuple(shape)}"
        fits = hasattr(out, "dtype") and np.dtype(out.dtype) == np.dtype(dtype)
    else:
        kind = f"an array of shape {tuple(shape)} of integers that hold {values}"
        fits = hasattr(out, "dtype") and _holds(out.dtype, values)
    if not fits or getattr(out, "shape", None) != tuple(shape):
        raise ValueError(
            f"`out` must be {kind}. Received: shape={getattr(out, 'shape', None)}, "
            f"dtype={getattr(out, 'dtype', None)}"
        )
    return out


def largest_tile(
    memory_budget: int, bytes_per_pixel: int, reserved: int = 0, halo: int = 0, stride: int = 1
) -> int:
    """Computes the side of the largest square tile that fits into a memory budget.

    Args:
        memory_budget: int, bytes.
        bytes_per_pixel: int, bytes that are in use at once for each pixel of a tile and its halo.
        reserved: int, bytes that are in use whatever the size of the tile.
        halo: int, pixels around a tile that are computed with it, on each side.
        stride: int, the result is a multiple of it.

    Returns:
        int, in pixels.

    Raises:
        TypeError: if `memory_budget` is not an integer.
        ValueError: if not even a tile of `stride` pixels fits.

    Examples:
        >>> largest_tile(memory_budget=1_000_000, bytes_per_pixel=64, halo=8, stride=16)
        96
    """
    if not isinstance(memory_budget, numbers.Integral):
        raise TypeError(
            f"`memory_budget` must be an integer, in bytes. Received: {memory_budget!r}"
        )
    side = math.isqrt(max(0, memory_budget - reserved) // bytes_per_pixel)
    tile_size = (side - 2 * halo) // stride * stride
    if tile_size < stride:
        least = reserved + bytes_per_pixel * (stride + 2 * halo) ** 2
        raise ValueError(
            f"`memory_budget` must be at least {least:,} bytes for this model. "
            f"Received: {memory_budget}"
        )
    return tile_size


def _allocated(shape: Sequence[int], results: Any) -> Any:
    """Returns uninitialised arrays like `results`, with `shape` as their leading axes."""
    trailing = len(shape)
    return keras.tree.map_structure(
        lambda part: np.empty((*shape, *part.shape[trailing:]), part.dtype), results
    )


def _holds(dtype: Any, values: np.ndarray) -> bool:
    return np.issubdtype(dtype, np.integer) and (values.astype(dtype) == values).all()
