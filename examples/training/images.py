"""Images with labels of a tar file, and the bundled portrait."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def open_labelled(path, choose=lambda names: names):
    """Yields `(image, mask)` of a tar file as PIL images; the image is RGB.

    Args:
        path: tar file with `images/NAME.*` and `masks/NAME.png` in some folder.
        choose: function from the sorted names of all images to the names to open.
    """
    with tarfile.open(path) as archive:
        names = sorted(member.name for member in archive if "/images/" in member.name)
        for name in choose(names):
            beside = name.replace("/images/", "/masks/").rpartition(".")[0] + ".png"
            image, mask = (
                Image.open(io.BytesIO(archive.extractfile(file).read())) for file in (name, beside)
            )
            yield image.convert("RGB"), mask


def portrait(channels=3):
    """Reads the bundled portrait (public domain), uint8 `(512, 512, channels)`."""
    image = Image.open(Path(__file__).parents[1] / "astronaut.jpg")
    return np.asarray(image) if channels == 3 else np.asarray(image.convert("L"))[..., None]
