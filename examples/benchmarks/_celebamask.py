"""CelebAMask-HQ: faces with a class a pixel, for benchmarks."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import open_labelled

CLASSES = 19
SIZE = 128


def load(path, select=lambda names: names):
    """Images `(n, SIZE, SIZE, 3)` and masks `(n, SIZE, SIZE)`, uint8, in sorted order.

    Args:
        path: celebamask_hq_512.tar.
        select: function of the sorted list of names that gives those to load.
    """
    size, images, masks = (SIZE, SIZE), [], []
    for image, mask in open_labelled(path, select):
        images.append(np.asarray(image.resize(size, Image.Resampling.LANCZOS)))
        # A mask's values are classes, which its palette's colours are not.
        masks.append(np.asarray(mask.resize(size, Image.Resampling.NEAREST)))
    return np.stack(images), np.stack(masks)
