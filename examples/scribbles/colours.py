"""Conversion between class numbers and colours."""

import numpy as np
from PIL import Image

# Colours of classes 1, 2, ..., distinct to colour-blind people as well (Okabe & Ito 2008).
COLOURS = np.array(
    [(213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 158, 115), (204, 121, 167), (86, 180, 233)],
    "uint8",
)
# Largest difference of a channel to the colour of a class, for compression and resampling.
TOLERANCE = 12
# Pixels of the soft edge of a stroke count from an opacity of a quarter on.
LEAST_ALPHA = 64


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
    pixels = np.asarray(strokes.convert("RGBA")).astype("int32")
    colours, alpha = pixels[..., :3], pixels[..., 3]
    labels = np.zeros(alpha.shape, "int32")
    for number, colour in enumerate(COLOURS.astype("int32"), start=1):
        near = np.abs(colours - colour).max(axis=-1) <= TOLERANCE
        labels[near & (alpha >= LEAST_ALPHA)] = number
    return labels


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
