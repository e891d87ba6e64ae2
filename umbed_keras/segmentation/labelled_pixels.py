"""The labelled pixels that a classifier is fitted to."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy import ndimage

from umbed_keras.segmentation.image_lists import as_list
from umbed_keras.typing import ArrayLike

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

    @classmethod
    def from_label_image(cls, labels: np.ndarray, features: np.ndarray) -> Self:
        """Collects the labelled pixels of a label image.

        Args:
            labels: int array `(height, width)`, 0 where there is no label.
            features: float32 array `(height, width, features)`.

        Returns:
            The `LabelledPixels`, in the order of rows and then of columns.
        """
        rows, cols = np.nonzero(labels)
        return cls(rows, cols, labels[rows, cols], features[rows, cols])

    def updated(self, newer: Self) -> Self:
        """Joins these pixels and newer ones of the same image.

        Args:
            newer: `LabelledPixels`, which replace those at the same positions.

        Returns:
            `LabelledPixels` with one entry for each position.
        """
        rows, cols, *others = (np.concatenate(pair) for pair in zip(newer, self, strict=True))
        # Of equal positions `np.unique` keeps the first.
        _, kept = np.unique(np.stack([rows, cols]), axis=1, return_index=True)
        return type(self)(*(array[kept] for array in (rows, cols, *others)))

    def strokes(self) -> np.ndarray:
        """Numbers the strokes of each class.

        A stroke is a connected region of pixels of one class. If a class has one stroke only, it
        counts as two, divided across its longer side, so that one can be held out.

        Returns:
            Int array `(n,)`, the number of each pixel's stroke, from 0 within each class.
        """
        numbers = np.zeros(len(self.labels), int)
        positions = np.stack([self.rows, self.cols])
        for label in np.unique(self.labels):
            selected = self.labels == label
            own = positions[:, selected]
            rows, cols = own - own.min(axis=1, keepdims=True)
            drawn = np.zeros((rows.max() + 1, cols.max() + 1), bool)
            drawn[rows, cols] = True
            strokes, count = ndimage.label(drawn, np.ones((3, 3)))
            numbers[selected] = strokes[rows, cols] - 1
            if count == 1:
                longer = max((rows, cols), key=np.ptp)
                numbers[selected] = longer > np.median(longer)
        return numbers


def labelled_images(
    images: ArrayLike, labels: ArrayLike, convert: Callable[[np.ndarray], np.ndarray]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs images with their label images, and checks that they match.

    Args:
        images: one image, `(height, width)` or `(height, width, channels)`; or several, as a list
            or a batch.
        labels: int arrays `(height, width)`, arranged as `images` are.
        convert: function that checks an image and converts it to `(height, width, channels)`.

    Returns:
        List of pairs of a converted image and its label image.

    Raises:
        TypeError: if a label image is not of an integer dtype.
        ValueError: if `images` and `labels` differ in number or size.

    Examples:
        >>> images = [np.zeros((4, 6)), np.zeros((5, 5))]
        >>> labels = [np.zeros((4, 6), int), np.zeros((5, 5), int)]
        >>> pairs = labelled_images(images, labels, lambda image: image[..., None])
        >>> [(image.shape, label.shape) for image, label in pairs]
        [((4, 6, 1), (4, 6)), ((5, 5, 1), (5, 5))]
    """
    images, _ = as_list(images, "images")
    labels, _ = as_list(labels, "labels", rank=2)
    if len(images) != len(labels):
        raise ValueError(
            f"`labels` must be as many as `images`. Received: {len(labels)} and {len(images)}"
        )
    pairs = []
    for image, label in zip(images, labels, strict=True):
        image = convert(image)
        if not np.issubdtype(label.dtype, np.integer):
            raise TypeError(f"`labels` must be integers. Received: dtype={label.dtype}")
        if label.shape != image.shape[:2]:
            raise ValueError(
                f"`labels` must have the height and width of their image, {image.shape[:2]}. "
                f"Received: shape={label.shape}"
            )
        pairs.append((image, label))
    return pairs


def training_set(
    images: Sequence[LabelledPixels], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Selects the pixels that a classifier is fitted to.

    Of each class at most `MAX_PIXELS_PER_CLASS` pixels are drawn at random.

    Args:
        images: list of `LabelledPixels`, one for each image.
        seed: int, random seed.

    Returns:
        Three arrays: float32 features `(n, features)`; int labels `(n,)`; int groups `(n,)` of
        pixels that cross-validation holds out together. A group is an image, or a stroke if there
        is one image only.

    Examples:
        >>> labels = np.array([[1, 1, 0, 2], [0, 0, 0, 2]])
        >>> pixels = LabelledPixels.from_label_image(labels, np.zeros((2, 4, 3), "float32"))
        >>> features, classes, groups = training_set([pixels], seed=0)
        >>> features.shape, classes.tolist(), groups.tolist()
        ((4, 3), [1, 1, 2, 2], [0, 1, 0, 1])
    """
    features, labels = (
        np.concatenate([getattr(pixels, name) for pixels in images])
        for name in ("features", "labels")
    )
    if len(images) > 1:
        groups = np.repeat(np.arange(len(images)), [len(pixels.labels) for pixels in images])
    else:
        groups = images[0].strokes()
    random, parts = np.random.default_rng(seed), []
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        parts.append(np.sort(random.permutation(indices)[:MAX_PIXELS_PER_CLASS]))
    selected = np.concatenate(parts)
    return features[selected], labels[selected], groups[selected]
