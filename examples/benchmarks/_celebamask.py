"""CelebAMask-HQ: faces with a class for each pixel."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import open_labelled

CLASSES = 19
SIZE = 128


def load(path, select=lambda names: names):
    """Reads images `(n, SIZE, SIZE, 3)` and masks `(n, SIZE, SIZE)`, uint8, in sorted order.

    Args:
        path: path of celebamask_hq_512.tar.
        select: function from the sorted names of all images to the names to read.
    """
    size, images, masks = (SIZE, SIZE), [], []
    for image, mask in open_labelled(path, select):
        images.append(np.asarray(image.resize(size, Image.Resampling.LANCZOS)))
        # The values of a mask are classes; the colours of its palette have no meaning.
        masks.append(np.asarray(mask.resize(size, Image.Resampling.NEAREST)))
    return np.stack(images), np.stack(masks)
