"""The share of each class in a mask."""

import os

import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.images.labels import as_labels, read_labels
from umbed_keras.typing import ArrayLike, PathLike


def class_fractions(mask: PathLike | ArrayLike) -> dict[int, float]:
    """Computes the share of the pixels that each class has.

    Args:
        mask: integers of any shape, the class of each pixel, or the path of a file of them. Pixels
            of class 0, which is no class, do not count.

    Returns:
        Dictionary from each class to its share, in the order of the classes; the shares sum to 1.
        It is empty if no pixel has a class.

    Raises:
        TypeError: if `mask` holds no numbers.
        ValueError: if `mask` holds numbers that are no integers.

    Examples:
        >>> uk.segmentation.class_fractions(np.array([[1, 1, 0], [1, 7, 0]]))
        {1: 0.75, 7: 0.25}
    """
    if isinstance(mask, str | os.PathLike):
        numbers = read_labels(mask)
    else:
        numbers = as_labels(mask if isinstance(mask, np.ma.MaskedArray) else to_host(mask), "mask")
    values, counts = np.unique(numbers[numbers != 0], return_counts=True)
    return dict(zip(values.tolist(), (counts / max(1, counts.sum())).tolist(), strict=True))
