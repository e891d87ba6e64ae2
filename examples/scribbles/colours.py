"""Conversion between class numbers and colours."""

import numpy as np
from PIL import Image

from umbed_keras.images.labels import CLASS_COLORS, labels_of_colors

COLOURS = np.array(CLASS_COLORS, "uint8")


def labels_of(strokes):
    """Converts an image of strokes to labels.

    Args:
        strokes: PIL image. Values of a grey or palette image are class numbers, 0 for unlabelled.
            In an RGB or RGBA image, pixels in the colour of a class belong to it, and all others
            are unlabelled.

    Returns:
        int32 array `(height, width)`.

    Raises:
        ValueError: if the image has another mode.
    """
    if strokes.mode in ("1", "L", "P", "I", "I;16"):
        return np.asarray(strokes).astype("int32")
    if strokes.mode not in ("RGB", "RGBA"):
        raise ValueError(
            "Strokes must be a grey or palette image of class numbers, or RGB or RGBA in the "
            f"colours of classes. Received: mode={strokes.mode}"
        )
    pixels = np.asarray(strokes.convert("RGBA"))
    return labels_of_colors(pixels[..., :3], pixels[..., 3]).astype("int32")


def strokes_of(labels):
    """Draws labels as an RGBA image in the colours of their classes, transparent where unlabelled.

    `labels_of` inverts it for classes 1 to `len(COLOURS)`.
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
