"""Class numbers in the colours of their classes."""

import numpy as np
from PIL import Image

from umbed_keras.images.labels import CLASS_COLORS

COLOURS = np.array(CLASS_COLORS, "uint8")


def strokes_of(labels):
    """Draws labels as an RGBA image in the colours of their classes, transparent where unlabelled.

    `umbed_keras.images.labels.read_labels` reads classes 1 to `len(COLOURS)` back.
    """
    labels = np.asarray(labels)
    return Image.fromarray(np.dstack([_colours(labels), np.uint8(255 * (labels != 0))]))


def overlay(image, labels):
    """Tints an image by the colours of classes and draws the borders between classes.

    Args:
        image: uint8 `(height, width, 3)`.
        labels: integers `(height, width)`, classes from 1 on, 0 for unlabelled.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    colours = _colours(labels)
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    border[:-1] |= labels[:-1] != labels[1:]
    tinted = (image.astype("uint16") + colours) // 2
    tinted[border] = colours[border]
    return np.where(labels[..., None] == 0, image, tinted).astype("uint8")


def _colours(labels):
    return COLOURS[(np.asarray(labels) - 1) % len(COLOURS)]
