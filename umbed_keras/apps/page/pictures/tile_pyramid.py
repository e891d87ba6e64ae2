"""Tiles of an image at any scale, in the image's own numbers."""

import collections
import threading
from typing import Any

import numpy as np

from umbed_keras.images.image import Image

SIDE = 512


class TilePyramid:
    """Reads tiles of planes; each level halves the one below by means of 2 x 2 pixels.

    Tiles of the upper levels are kept within a budget, as each of them takes many reads.

    Args:
        budget: int, bytes of tiles that are kept.

    Examples:
        >>> pyramid = TilePyramid()
        >>> image = Image(np.arange(600 * 40).reshape(600, 40))
        >>> pyramid.tile("key", image, (), 1, 0, 0).shape
        (300, 20, 1)
    """

    def __init__(self, budget: int = 1 << 28) -> None:
        self.budget = budget
        self._kept: collections.OrderedDict[tuple[Any, ...], np.ndarray] = collections.OrderedDict()
        self._lock = threading.Lock()

    def tile(
        self, key: str, image: Image, plane: tuple[int, ...], level: int, row: int, col: int
    ) -> np.ndarray:
        """Reads a tile.

        Args:
            key: text by which the image is known.
            image: `Image`.
            plane: index along its `plane_axes`.
            level: 0 is the image's own resolution.
            row, col: position in tiles of 512 pixels of this level.

        Returns:
            Array `(height, width, channels)`, of all channels that hold intensities; empty beyond
            the image.
        """
        name = (key, plane, level, row, col)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        if level == 0:
            rows, cols = (slice(at * SIDE, (at + 1) * SIDE) for at in (row, col))
            tile = image.read(rows, cols, plane)
        else:
            tile = self._halved(key, image, plane, level, row, col)
        with self._lock:
            self._kept[name] = tile
            while sum(kept.nbytes for kept in self._kept.values()) > self.budget:
                self._kept.popitem(last=False)
        return tile

    def _halved(
        self, key: str, image: Image, plane: tuple[int, ...], level: int, row: int, col: int
    ) -> np.ndarray:
        bands = []
        for down in (0, 1):
            pair = [
                _half(self.tile(key, image, plane, level - 1, 2 * row + down, 2 * col + right))
                for right in (0, 1)
                if _begins_inside(image, level - 1, 2 * row + down, 2 * col + right)
            ]
            bands += [np.concatenate(pair, axis=1)] if pair else []
        return np.concatenate(bands) if bands else np.zeros((0, 0, image.num_channels), image.dtype)


def _begins_inside(image: Image, level: int, row: int, col: int) -> bool:
    side = SIDE << level
    return row * side < image.height and col * side < image.width


def _half(tile: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; a last odd row or column stands for itself."""
    height, width = tile.shape[:2]
    padded = np.pad(tile, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    means = padded.reshape(-(-height // 2), 2, -(-width // 2), 2, -1).mean(axis=(1, 3))
    return means.astype(tile.dtype) if tile.dtype.kind == "f" else np.rint(means).astype(tile.dtype)
