"""Images from a folder, a tar file or an .npz file."""

import io
import tarfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from umbed_keras.images.image_files import SUFFIXES, image_files, is_hidden
from umbed_keras.images.pillow_files import open_image


def load_images(path, size=128, limit=None, tiles=False, gray=False):
    """Reads images as squares.

    Args:
        path: a folder (searched recursively) or a tar file (compressed or not), or an .npz file,
            whose first array of rank 4 is returned unchanged, or `"cifar10"`, which Keras
            downloads.
        size: int, side of the squares in pixels. The short side is resized to it by Lanczos
            resampling, and the central square is cut out.
        limit: int, the largest number of images, or None.
        tiles: bool. If True, each image is cut into as many squares as fit, without resizing.
        gray: bool. If True, images are read as luma, in one channel instead of three.

    Returns:
        uint8 array `(n, size, size, channels)`, sorted by file name.
    """
    return np.concatenate(_stacks(path, size, limit, tiles, gray))


def load_split(path, size=128, limit=None, tiles=False, gray=False):
    """Reads `(training images, held-out images)`; the last tenth of the files is held out.

    Arguments are those of `load_images`.
    """
    train, others = held_out(_stacks(path, size, limit, tiles, gray))
    return np.concatenate(train), np.concatenate(others)


def held_out(images, share=0.1):
    """Splits images into `(training images, held-out images)`; the last ones are held out."""
    start = len(images) - max(1, round(len(images) * share))
    return images[:start], images[start:]


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


def square(image, size):
    """Resizes the short side of an image to `size` pixels and cuts out the central square."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def tile(image, size):
    """Cuts an image into as many squares as fit, centred: uint8 `(n, size, size, channels)`."""
    pixels = np.asarray(image)
    rows, cols = (side // size for side in pixels.shape[:2])
    top, left = ((side % size) // 2 for side in pixels.shape[:2])
    inside = pixels[top : top + rows * size, left : left + cols * size]
    grid = inside.reshape(rows, size, cols, size, -1).swapaxes(1, 2)
    return grid.reshape(rows * cols, size, size, grid.shape[-1])


def _stacks(path, size, limit, tiles, gray):
    """Returns the squares of each image as a list of uint8 stacks."""
    if str(path) == "cifar10":
        (images, _), _ = keras.datasets.cifar10.load_data()
        return list(images[:limit, None])
    if Path(path).suffix == ".npz":
        with np.load(path) as arrays:
            stacks = [arrays[name] for name in arrays.files if arrays[name].ndim == 4]
        if not stacks:
            raise ValueError(f"{path} holds no array of rank 4.")
        return list(stacks[0][:limit, None])
    opened = _open_all(Path(path), limit, 1 if gray else 3)
    if tiles:
        stacks = [tile(image, size) for image in opened]
    else:
        stacks = [square(image, size)[None] for image in opened]
    if not sum(map(len, stacks)):
        raise ValueError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))}).")
    return [stack if stack.ndim == 4 else stack[..., None] for stack in stacks]


def _open_all(path, limit, channels):
    """Yields the images of a folder or a tar file as PIL images."""
    for file in _files(path, limit):
        pixels = open_image(file, channels)
        yield Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def _files(path, limit):
    if path.is_dir():
        yield from image_files(path)[:limit]
    elif path.is_file():
        with tarfile.open(path) as archive:
            names = sorted(
                member.name
                for member in archive
                if member.isfile()
                and Path(member.name).suffix.lower() in SUFFIXES
                and not is_hidden(Path(member.name))
            )
            for name in names[:limit]:
                yield archive.extractfile(name)
    else:
        raise ValueError(f"There is no folder, tar or .npz file {path}.")
