"""A small picture of two halves, and strokes on it, for tests of those who label."""

import numpy as np


def picture(height=32, width=40, seed=0):
    """Returns a picture with a dark and a bright half, with noise."""
    values = np.random.default_rng(seed).integers(0, 30, (height, width, 3))
    values[:, width // 2 :] += 180
    return values.astype("uint8")


def strokes(height=32, width=40):
    """Returns a label image with a stroke of class 1 and one of class 2, one on each half."""
    labels = np.zeros((height, width), "uint16")
    labels[4:-4, 3], labels[4:-4, -4] = 1, 2
    return labels
