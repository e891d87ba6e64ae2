"""Class numbers as colours and back: strokes drawn in colours are labels."""

import numpy as np
from PIL import Image

# Of classes 1, 2, ...: told apart by colour-blind people as well (Okabe & Ito 2008).
COLOURS = np.array(
    [(213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 158, 115), (204, 121, 167), (86, 180, 233)],
    "uint8",
)
# How far each channel may be from a class's colour: compression and resampling change it a little.
TOLERANCE = 12
# Of a stroke's soft edge, what is opaque to a quarter or more counts.
LEAST_ALPHA = 64


def labels_of(strokes):
    """The labels that a picture of strokes stands for.

    Args:
        strokes: PIL image. Grey or with a palette, its values are class numbers, 0 for none. RGB
            or RGBA, pixels in the colour of a class are of that class, and others of none.

    Returns:
        int32 array `(height, width)`.

    Raises:
        ValueError: an image of another mode.
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
    """Labels as an RGBA image in the colours of their classes, transparent where there is none.

    `labels_of` gives the same labels back, of classes that have a colour of their own.
    """
    labels = np.asarray(labels)
    return Image.fromarray(np.dstack([_colours(labels), np.uint8(255 * (labels != 0))]))


def overlay(image, labels):
    """An image tinted by the colours of its pixels' classes, with the classes' borders.

    Args:
        image: uint8 `(height, width, 3)`.
        labels: ints `(height, width)`, classes from 1 on, and 0 for none.

    Returns:
        uint8 array of the image's shape.
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
