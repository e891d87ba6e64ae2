"""Class probabilities of windows of an image that may be larger than memory."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.segmentation.pixel_features import PixelFeatures

# Probabilities of a pixel that live at once while they are smoothed.
_COPIES = 3


class WindowClassifier:
    """Computes the probabilities of a window as the whole image would give them.

    Each window is read with as much of its surroundings as the smoothing filter and the embedder
    look at.

    Args:
        probabilities: function of features `(height, width, features)`, and of whether they are
            those of a grey image, to smoothed probabilities `(height, width, classes)`.
        num_classes: int, number of classes.
        features: `PixelFeatures`.
        vectors: `ImageVectors` of the image.
        halo: int, how far around a pixel its probabilities depend on features, in pixels.
        memory_budget: int, bytes to use beside models and `image`.

    Attributes:
        tile_size: int, side of the largest window that fits into the budget, a multiple of the
            embedder's `stride`.

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
        probabilities: Callable[[np.ndarray, bool], np.ndarray],
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
        self._bytes = 4 * (3 * vectors.num_features + _COPIES * num_classes)
        self.tile_size = self._largest_tile(memory_budget)

    def __call__(self, window: Mapping[str, slice]) -> np.ndarray:
        """Computes the probabilities of a window.

        Args:
            window: slice of each of the image's axes but the channels; those of rows and columns
                begin at multiples of the embedder's `stride`, and others hold one position.

        Returns:
            float32 array with the axes of `window` and the classes last; NaN without data.
        """
        plane = tuple(window[axis].start for axis in self._image.plane_axes)
        sides = [
            (window[axis], self._image.sizes[axis], max(0, window[axis].start - self._halo))
            for axis in "yx"
        ]
        rows, cols = (
            slice(start, min(size, side.stop + self._halo)) for side, size, start in sides
        )
        features = self._features.window(self._vectors, plane, rows, cols)
        probabilities = self._probabilities(features, self._vectors.is_grey)
        inside = tuple(slice(side.start - start, side.stop - start) for side, _, start in sides)
        letters = [axis for axis in window if axis in "yx"]
        part = probabilities[inside]
        part = part if letters == ["y", "x"] else part.swapaxes(0, 1)
        return part[tuple(slice(None) if axis in "yx" else None for axis in window)]

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
