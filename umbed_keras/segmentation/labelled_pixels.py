"""The labelled pixels that a classifier is fitted to."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy import ndimage

# A fit uses at most this many pixels of a class: neighbouring pixels add little information.
MAX_PIXELS_PER_CLASS = 1000


class LabelledPixels(NamedTuple):
    """The labelled pixels of one image, with their features.

    The names of the fields are those of the arrays in saved files.

    Args:
        rows: int array `(n,)`.
        cols: int array `(n,)`.
        labels: int array `(n,)`, the classes.
        features: float32 array `(n, features)`.
        strokes: int array `(n,)`, the number of each pixel's stroke within its class.

    Examples:
        >>> labels = np.array([[0, 2, 0], [5, 0, 0]])
        >>> pixels = LabelledPixels.from_label_image(labels, np.zeros((2, 3, 4), "float32"))
        >>> pixels.rows.tolist(), pixels.cols.tolist(), pixels.labels.tolist()
        ([0, 1], [1, 0], [2, 5])
        >>> pixels.features.shape
        (2, 4)
    """

    rows: np.ndarray
    cols: np.ndarray
    labels: np.ndarray
    features: np.ndarray
    strokes: np.ndarray

    @classmethod
    def from_label_image(cls, labels: np.ndarray, features: np.ndarray, seed: int = 0) -> Self:
        """Collects labelled pixels of a label image, a bounded number of each class.

        Pixels without data, whose features are NaN, are left out.

        Args:
            labels: int array `(height, width)`, 0 where there is no label.
            features: float32 array `(height, width, features)`.
            seed: int, of the random choice where a class has more than `MAX_PIXELS_PER_CLASS`.

        Returns:
            The `LabelledPixels`, class by class.
        """
        rows, cols = np.nonzero((labels != 0) & np.isfinite(features).all(axis=-1))
        classes = labels[rows, cols]
        strokes = stroke_numbers(rows, cols, classes)
        chosen = choose_pixels(classes, seed)
        rows, cols = rows[chosen], cols[chosen]
        return cls(rows, cols, classes[chosen], features[rows, cols], strokes[chosen])


def stroke_numbers(rows: np.ndarray, cols: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Numbers the strokes of each class.

    A stroke is a connected region of pixels of one class. If a class has one stroke only, it
    counts as two, divided across its longer side, so that one can be held out.

    Args:
        rows, cols: int arrays `(n,)`.
        labels: int array `(n,)`.

    Returns:
        Int array `(n,)`, the number of each pixel's stroke, from 0 within each class.

    Examples:
        >>> rows, cols = np.array([0, 0, 5, 5]), np.array([0, 1, 7, 8])
        >>> stroke_numbers(rows, cols, labels=np.array([1, 1, 1, 1])).tolist()
        [0, 0, 1, 1]
    """
    numbers = np.zeros(len(labels), int)
    positions = np.stack([rows, cols])
    for label in np.unique(labels):
        selected = labels == label
        own = positions[:, selected]
        down, right = own - own.min(axis=1, keepdims=True)
        drawn = np.zeros((down.max() + 1, right.max() + 1), bool)
        drawn[down, right] = True
        strokes, count = ndimage.label(drawn, np.ones((3, 3)))
        numbers[selected] = strokes[down, right] - 1
        if count == 1:
            longer = max((down, right), key=np.ptp)
            numbers[selected] = longer > np.median(longer)
    return numbers


def choose_pixels(labels: np.ndarray, seed: int) -> np.ndarray:
    """Chooses at most `MAX_PIXELS_PER_CLASS` pixels of each class at random.

    Args:
        labels: int array `(n,)`.
        seed: int, random seed.

    Returns:
        Int array of indices, class by class.

    Examples:
        >>> choose_pixels(np.array([2, 1, 2]), seed=0).tolist()
        [1, 0, 2]
    """
    random = np.random.default_rng(seed)
    parts = [np.zeros(0, int)]
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        parts.append(np.sort(random.permutation(indices)[:MAX_PIXELS_PER_CLASS]))
    return np.concatenate(parts)


def training_set(
    images: Sequence[LabelledPixels], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Selects the pixels that a classifier is fitted to.

    Of each class at most `MAX_PIXELS_PER_CLASS` pixels are drawn at random.

    Args:
        images: list of `LabelledPixels`, one for each image.
        seed: int, random seed.

    Returns:
        Four arrays: float32 features `(n, features)`; int labels `(n,)`; int groups `(n,)` of
        pixels that cross-validation holds out together, where a group is an image, or a stroke if
        there is one image only; and float weights `(n,)`, which sum to 1 in each stroke, as the
        pixels of a stroke are nearly copies of each other.

    Examples:
        >>> labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2]])
        >>> pixels = LabelledPixels.from_label_image(labels, np.zeros((2, 4, 3), "float32"))
        >>> features, classes, groups, weights = training_set([pixels], seed=0)
        >>> features.shape, classes.tolist(), groups.tolist(), weights.tolist()
        ((4, 3), [1, 1, 2, 2], [0, 1, 0, 1], [1.0, 1.0, 1.0, 1.0])
    """
    features, labels, strokes = (
        np.concatenate([getattr(pixels, name) for pixels in images])
        for name in ("features", "labels", "strokes")
    )
    counts = [len(pixels.labels) for pixels in images]
    image = np.repeat(np.arange(len(images)), counts)
    groups = image if len(images) > 1 else strokes
    chosen = choose_pixels(labels, seed)
    identity = np.stack([image, labels, strokes])[:, chosen]
    _, stroke, sizes = np.unique(identity, axis=1, return_inverse=True, return_counts=True)
    return features[chosen], labels[chosen], groups[chosen], 1 / sizes[stroke.ravel()]
