"""Classes drawn over their image."""

from collections.abc import Mapping, Sequence

import numpy as np

from umbed_keras.images.labels import class_colors


def overlay(
    image: np.ndarray, labels: np.ndarray, colors: Mapping[int, Sequence[int]] | None = None
) -> np.ndarray:
    """Tints an image by the colours of classes and draws the borders between classes.

    Args:
        image: uint8 array `(height, width, 3)`.
        labels: integers `(height, width)`, classes from 1 on, 0 for unlabelled.
        colors: as in `umbed_keras.images.labels.class_colors`.

    Returns:
        uint8 array `(height, width, 3)`.

    Examples:
        >>> overlay(np.zeros((1, 2, 3), "uint8"), np.array([[1, 0]]))[0].tolist()
        [[213, 94, 0], [0, 0, 0]]
    """
    tints = class_colors(labels, colors)
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    tinted = (image.astype("uint16") + tints) // 2
    tinted[border] = tints[border]
    return np.where(labels[..., None] == 0, image, tinted).astype("uint8")
