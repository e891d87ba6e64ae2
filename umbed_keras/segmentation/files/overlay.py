"""Classes drawn over their image."""

import numpy as np

from umbed_keras.images.labels import CLASS_COLORS


def overlay(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tints an image by the colours of classes and draws the borders between classes.

    Args:
        image: uint8 array `(height, width, 3)`.
        labels: integers `(height, width)`, classes from 1 on, 0 for unlabelled.

    Returns:
        uint8 array `(height, width, 3)`.

    Examples:
        >>> overlay(np.zeros((1, 2, 3), "uint8"), np.array([[1, 0]]))[0].tolist()
        [[213, 94, 0], [0, 0, 0]]
    """
    colors = class_colors(labels)
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    tinted = (image.astype("uint16") + colors) // 2
    tinted[border] = colors[border]
    return np.where(labels[..., None] == 0, image, tinted).astype("uint8")


def class_colors(labels: np.ndarray) -> np.ndarray:
    """Returns the colours of classes; further classes take them in turn again.

    Args:
        labels: integers `(...)`.

    Returns:
        uint8 array `(..., 3)`.

    Examples:
        >>> class_colors(np.array([2, 8])).tolist()
        [[0, 114, 178], [0, 114, 178]]
    """
    colors = np.array(CLASS_COLORS, "uint8")
    return colors[(np.asarray(labels) - 1) % len(colors)]
