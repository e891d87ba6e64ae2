"""Images from a folder, a tar file or an .npz file."""

import io
import tarfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def load_images(path, size=128, limit=None):
    """Reads images, each brought to a square.

    Args:
        path: a folder (searched in depth), a tar file (compressed or not), an .npz file, whose
            first array of rank 4 is taken as it is, or `cifar10`, which Keras downloads.
        size: int, pixels; the short side is brought to it by Lanczos resampling and the centre
            cut out.
        limit: int or None, images at most.

    Returns:
        uint8 array `(n, size, size, 3)` in the sorted order of file names.
    """
    if str(path) == "cifar10":
        (images, _), _ = keras.datasets.cifar10.load_data()
        return images[:limit]
    path = Path(path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            stacks = [arrays[name] for name in arrays.files if arrays[name].ndim == 4]
        if not stacks:
            raise ValueError(f"{path} holds no array of rank 4.")
        return stacks[0][:limit]
    images = [square(image, size) for image in _open_all(path, limit)]
    if not images:
        raise ValueError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))}).")
    return np.stack(images)


def square(image, size):
    """An image with its short side at `size` pixels, cut to its central square, as uint8."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def held_out(images, share=0.1):
    """Training images and the last share of them, which training must not see."""
    start = len(images) - max(1, round(len(images) * share))
    return images[:start], images[start:]


def _open_all(path, limit):
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        for file in files[:limit]:
            yield Image.open(file)
    elif path.is_file():
        with tarfile.open(path) as archive:
            names = sorted(
                member.name
                for member in archive
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
            )
            for name in names[:limit]:
                yield Image.open(io.BytesIO(archive.extractfile(name).read()))
    else:
        raise ValueError(f"There is no folder, tar or .npz file {path}.")
