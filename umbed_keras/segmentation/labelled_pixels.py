"""The labelled pixels that a classifier learns from."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

# Labelled pixels of a class that are learned from at most: neighbours tell little new.
MOST_OF_A_CLASS = 1000


class LabelledPixels(NamedTuple):
    """The labelled pixels of one image.

    Args:
        rows, cols: ints `(n,)`.
        labels: ints `(n,)`, the classes.
        features: float32 `(n, numbers)`.
    """

    rows: np.ndarray
    cols: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    @classmethod
    def of(cls, label, features):
        """Those of an int array `(height, width)`, 0 where there is no label, and its features."""
        rows, cols = np.nonzero(label)
        return cls(rows, cols, label[rows, cols], features[rows, cols])

    def updated(self, newer):
        """These and newer ones of the same image, which count where both are."""
        rows, cols, *others = (np.concatenate(pair) for pair in zip(newer, self, strict=True))
        # The first of equal places is kept.
        _, kept = np.unique(np.stack([rows, cols]), axis=1, return_index=True)
        return LabelledPixels(*(array[kept] for array in (rows, cols, *others)))

    def strokes(self):
        """The number `(n,)` of each pixel's stroke among those of its class.

        A stroke is a connected region of one class. The only stroke of a class counts as two, one
        half and the other, so that there is one to hold out.
        """
        numbers = np.zeros(len(self.labels), int)
        places = np.stack([self.rows, self.cols])
        for value in np.unique(self.labels):
            mine = self.labels == value
            rows, cols = places[:, mine] - places[:, mine].min(axis=1, keepdims=True)
            drawn = np.zeros((rows.max() + 1, cols.max() + 1), bool)
            drawn[rows, cols] = True
            strokes, count = ndimage.label(drawn, np.ones((3, 3)))
            numbers[mine] = strokes[rows, cols] - 1
            if count == 1:
                along = max((rows, cols), key=np.ptp)
                numbers[mine] = along > np.median(along)
        return numbers


def training_set(images, seed):
    """What to learn from: at most `MOST_OF_A_CLASS` pixels of each class, chosen at random.

    Args:
        images: list of `LabelledPixels`.
        seed: int.

    Returns:
        Features `(n, numbers)`, labels `(n,)` and groups `(n,)` of pixels to be held out together:
        images where there are several, strokes in one.
    """
    features, labels = (
        np.concatenate([getattr(pixels, name) for pixels in images])
        for name in ("features", "labels")
    )
    if len(images) > 1:
        groups = np.repeat(np.arange(len(images)), [len(pixels.labels) for pixels in images])
    else:
        groups = images[0].strokes()
    random, kept = np.random.default_rng(seed), []
    for value in np.unique(labels):
        places = np.flatnonzero(labels == value)
        kept.append(np.sort(random.permutation(places)[:MOST_OF_A_CLASS]))
    kept = np.concatenate(kept)
    return features[kept], labels[kept], groups[kept]
