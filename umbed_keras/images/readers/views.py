"""Arrays that are computed from others a window at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np


def full_index(index: Any, rank: int) -> tuple[Any, ...]:
    """Returns an index with one entry for each axis.

    Args:
        index: slice, integer, `...`, or a tuple of them.
        rank: number of axes.

    Examples:
        >>> full_index((0, ...), 3)
        (0, slice(None, None, None), slice(None, None, None))
    """
    index = index if isinstance(index, tuple) else (index,)
    if Ellipsis in index:
        position = index.index(Ellipsis)
        filled = (slice(None),) * (rank - len(index) + 1)
        return (*index[:position], *filled, *index[position + 1 :])
    return (*index, *(slice(None),) * (rank - len(index)))


class NamedErrors:
    """An array on disk whose errors name the file that is broken.

    Args:
        data: array, or anything with `shape`, `dtype` and indexing.
        name: name of the file.

    Attributes:
        chunks: sizes of what is read at once, or None.

    Examples:
        >>> NamedErrors(np.arange(6).reshape(2, 3), "image.tif")[0, 1:].tolist()
        [1, 2]
    """

    def __init__(self, data: Any, name: str):
        self._data, self._name = data, name
        self.shape, self.dtype = tuple(data.shape), np.dtype(data.dtype)
        # Of Dask's arrays the first name says how large chunks are.
        self.chunks = getattr(data, "chunksize", getattr(data, "chunks", None))

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return np.asarray(self._data[index])
        except (ImportError, IndexError, MemoryError):
            raise
        except Exception as error:  # decoders fail in many ways
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(
                f"A part of {self._name} can't be read. {type(error).__name__}: {error}"
            ) from error


class Mapped:
    """An array whose numbers are a function of another's, pixel by pixel.

    Args:
        data: array, or anything with `shape`, `dtype` and indexing.
        function: function of a window of `data` with all entries of its last axis, or of an axis
            that is not there, which returns an array of as many rows and columns.
        channels: size of the last axis of the result; None if `data` and result have none or the
            same.
        dtype: type of the result.

    Examples:
        >>> inverted = Mapped(np.array([[0, 255]], "uint8"), lambda window: 255 - window)
        >>> inverted[0, :].tolist()
        [255, 0]
    """

    def __init__(
        self,
        data: Any,
        function: Callable[[np.ndarray], np.ndarray],
        takes_channels: bool = False,
        channels: int | None = None,
        dtype: Any = None,
    ):
        self._data, self._function, self._takes_channels = data, function, takes_channels
        leading = data.shape[:-1] if takes_channels else data.shape
        self.shape = tuple(leading) + (() if channels is None else (channels,))
        self.dtype = np.dtype(data.dtype if dtype is None else dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = full_index(index, len(self.shape))
        inner = len(self._data.shape) - self._takes_channels
        window = np.asarray(self._data[index[:inner]])
        result = self._function(window).astype(self.dtype, copy=False)
        return result[(Ellipsis, *index[inner:])] if len(self.shape) > inner else result


class Turned:
    """An array seen in another orientation: rows and columns exchanged, then reversed.

    Args:
        data: array, or anything with `shape`, `dtype` and indexing.
        axes: its axes.
        orientation: orientation from 1 to 8 as in TIFF's and EXIF's tag 274.

    Examples:
        >>> Turned(np.arange(6).reshape(2, 3), "yx", orientation=6)[...].tolist()
        [[3, 0], [4, 1], [5, 2]]
    """

    def __init__(self, data: Any, axes: str, orientation: int):
        self._data, self.dtype = data, np.dtype(data.dtype)
        self._axes = axes
        self._exchanged = orientation >= 5
        # Which of rows and columns, as they are seen, run backwards.
        self._reversed = {"y": orientation in (3, 4, 7, 8), "x": orientation in (2, 3, 6, 7)}
        sizes = dict(zip(axes, data.shape, strict=True))
        if self._exchanged:
            sizes["y"], sizes["x"] = sizes["x"], sizes["y"]
        self.shape = tuple(sizes[axis] for axis in axes)

    def __getitem__(self, index: Any) -> np.ndarray:
        index = dict(zip(self._axes, full_index(index, len(self.shape)), strict=True))
        sizes = dict(zip(self._axes, self.shape, strict=True))
        stored, back = dict(index), dict(index)
        for axis in "yx":
            start, stop, step = _slice(index[axis], sizes[axis])
            if self._reversed[axis]:
                stored[axis] = slice(sizes[axis] - stop, sizes[axis] - start)
                back[axis] = slice(None, None, -1)
            else:
                stored[axis], back[axis] = slice(start, stop), slice(None)
            back[axis] = (back[axis], slice(None, None, step))
        if self._exchanged:
            stored["y"], stored["x"] = stored["x"], stored["y"]
        window = np.asarray(self._data[tuple(stored[axis] for axis in self._axes)])
        left = [
            axis
            for axis in self._axes
            if not isinstance(index[axis], (int, np.integer)) or axis in "yx"
        ]
        if self._exchanged:
            window = np.swapaxes(window, left.index("y"), left.index("x"))
        for turn in (0, 1):
            window = window[
                tuple(back[axis][turn] if axis in "yx" else slice(None) for axis in left)
            ]
        dropped = tuple(
            0 if axis in "yx" and isinstance(index[axis], (int, np.integer)) else slice(None)
            for axis in left
        )
        return window[dropped]


def _slice(entry: Any, size: int) -> tuple[int, int, int]:
    """Start, stop and step of a slice or of one position."""
    if isinstance(entry, (int, np.integer)):
        entry = int(entry) % size
        return entry, entry + 1, 1
    start, stop, step = entry.indices(size)
    return start, max(start, stop), step
