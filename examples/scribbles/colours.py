"""Strokes in the colours of their classes."""

import numpy as np
from PIL import Image

from umbed_keras.images.labels import class_colors


def strokes_of(labels):
    """Draws labels as an RGBA image in the colours of their classes, transparent where unlabelled.

    `umbed_keras.images.labels.read_labels` reads classes 1 to `len(CLASS_COLORS)` back.
    """
    labels = np.asarray(labels)
    return Image.fromarray(np.dstack([class_colors(labels), np.uint8(255 * (labels != 0))]))
