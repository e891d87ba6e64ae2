"""Class probabilities of windows of an image that may be larger than memory."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from umbed_keras.images.tiles import tile_grid
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.segmentation.pixel_features import PixelFeatures
from umbed_keras.segmentation.self_training import positions

# Probabilities of a pixel that live at once while they are smoothed.
_COPIES = 3


class WindowClassifier:
    """Computes the probabilities of a window as the whole image would give them.

    Each window is read with as much of its surroundings as the smoothing filter and the embedder
    look at.

    Args:
        probabilities: function of features `(height, width, features)`, of `vectors`, and of a
            classifier or None for its own, to smoothed probabilities `(height, width, classes)`.
        num_classes: int, number of classes.
        features: `PixelFeatures`.
        vectors: `ImageVectors` of the image.
        halo: int, how far around a pixel its probabilities depend on features, in pixels.
        memory_budget: int, bytes to use beside models and `image`.

    Attributes:
        tile_size: int, side of the largest window that fits into the budget, a multiple of the
            embedder's `stride`.
        students: dictionary from the index of a plane to the classifier to use there.

    Raises:
        ValueError: if `memory_budget` is too small for any window.

    Examples:
        >>> image = np.zeros((16, 16, 3), "uint8")
        >>> image[:, 8:] = 200
        >>> labels = np.zeros((16, 16), int)
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> window = classifier.window_classifier(uk.Image(image))
        >>> window({"y": slice(0, 8), "x": slice(0, 16)}).shape
        (8, 16, 2)
    """

    def __init__(
        self,
        probabilities: Callable[[np.ndarray, ImageVectors, Any], np.ndarray],
        num_classes: int,
        features: PixelFeatures,
        vectors: ImageVectors,
        halo: int,
        memory_budget: int = 1 << 31,
    ):
        self._probabilities, self._features = probabilities, features
        self._image, self._vectors = vectors.image, vectors
        embedder = features.embedder
        # Windows begin at multiples of the embedder's stride.
        self._halo = -(-halo // embedder.stride) * embedder.stride
        self._num_classes = num_classes
        self._bytes = 4 * (3 * vectors.num_features + _COPIES * num_classes)
        self.tile_size = self._largest_tile(memory_budget)
        self.students: dict[tuple[int, ...], Any] = {}

    def __call__(self, window: Mapping[str, slice]) -> np.ndarray:
        """Computes the probabilities of a window.

        Args:
            window: slice of each of the image's axes but the channels; those of rows and columns
                begin at multiples of the embedder's `stride`, and others hold one position.

        Returns:
            float32 array with the axes of `window` and the classes last; NaN without data.
        """
        plane = tuple(window[axis].start for axis in self._image.plane_axes)
        part, _ = self._described(plane, window["y"], window["x"])
        letters = [axis for axis in window if axis in "yx"]
        part = part if letters == ["y", "x"] else part.swapaxes(0, 1)
        return part[tuple(slice(None) if axis in "yx" else None for axis in window)]

    @property
    def plane_axes(self) -> str:
        """The axes along which the image is a stack of planes."""
        return self._image.plane_axes

    def sampled(self, plane: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Computes probabilities and features of the pixels that self-training looks at.

        Args:
            plane: index along the image's `plane_axes`.
            seed: int, random seed of `umbed_keras.segmentation.self_training.positions`.

        Returns:
            float32 arrays `(n, classes)` and `(n, features)`, in the order of the positions.
        """
        height, width = self._image.height, self._image.width
        rows, cols = positions(height, width, seed)
        probabilities, features = (
            np.empty((len(rows), count), "float32")
            for count in (self._num_classes, self._vectors.num_features)
        )
        for tile in tile_grid((height, width), (self.tile_size, self.tile_size)):
            inside = np.ones(len(rows), bool)
            for side, at in zip(tile, (rows, cols), strict=True):
                inside &= (side.start <= at) & (at < side.stop)
            if inside.any():
                here = rows[inside] - tile[0].start, cols[inside] - tile[1].start
                for every, part in zip(
                    (probabilities, features), self._described(plane, *tile), strict=True
                ):
                    every[inside] = part[here]
        return probabilities, features

    def _described(
        self, plane: tuple[int, ...], rows: slice, cols: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities and features `(rows, cols, ...)` of a window."""
        views, inside = [], []
        for side, size in ((rows, self._image.height), (cols, self._image.width)):
            start = max(0, side.start - self._halo)
            views.append(slice(start, min(size, side.stop + self._halo)))
            inside.append(slice(side.start - start, side.stop - start))
        features = self._features.window(self._vectors, plane, *views)
        student = self.students.get(plane)
        probabilities = self._probabilities(features, self._vectors, student)
        return probabilities[tuple(inside)], features[tuple(inside)]

    def _largest_tile(self, memory_budget: int) -> int:
        stride = self._features.embedder.stride
        tile = self._tile(memory_budget)
        if tile >= stride:
            return tile
        least = memory_budget
        while self._tile(least) < stride:
            least += max(1 << 24, least // 8)
        raise ValueError(
            f"`memory_budget` is too small for a window of {stride} pixels: {least:,} bytes are "
            f"enough. Received: {memory_budget}"
        )

    def _tile(self, memory_budget: int) -> int:
        """The largest tile within a budget; 0 or less where there is none."""
        embedder = self._features.embedder
        try:
            side = embedder.largest_tile(memory_budget)
        except ValueError:
            return 0
        # The embedder's memory is free again when a window is classified.
        side = min(side, math.isqrt(memory_budget // self._bytes))
        return (side - 2 * self._halo) // embedder.stride * embedder.stride
