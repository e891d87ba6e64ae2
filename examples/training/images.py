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
        path: a folder (searched in depth) or a tar file (compressed or not); an .npz file, whose
            first array of rank 4 is taken as it is, and so is `cifar10`, which Keras downloads.
        size: int, pixels; the short side is brought to it by Lanczos resampling and the centre
            cut out.
        limit: int or None, images at most.
        tiles: bool; True cuts each image into as many squares as it has room for instead, at the
            resolution it has.
        gray: bool; True gives one channel, the luma, instead of three.

    Returns:
        uint8 array `(n, size, size, channels)` in the sorted order of file names.
    """
    return np.concatenate(_stacks(path, size, limit, tiles, gray))


def load_split(path, size=128, limit=None, tiles=False, gray=False):
    """Training images and the last tenth of the files, held out; arguments of `load_images`."""
    train, others = held_out(_stacks(path, size, limit, tiles, gray))
    return np.concatenate(train), np.concatenate(others)


def held_out(images, share=0.1):
    """Training images and the last share of them, which training must not see."""
    start = len(images) - max(1, round(len(images) * share))
    return images[:start], images[start:]


def open_labelled(path, choose=lambda names: names):
    """Pairs of an image, in RGB, and its mask, as PIL opens them, from a tar file.

    Args:
        path: tar file that holds `images/NAME.*` and `masks/NAME.png` in some folder.
        choose: function of the sorted names of images that gives those to open, in order.
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
    """The bundled portrait, which is free to show, uint8 `(512, 512, channels)`."""
    image = Image.open(Path(__file__).parents[1] / "astronaut.jpg")
    return np.asarray(image) if channels == 3 else np.asarray(image.convert("L"))[..., None]


def square(image, size):
    """An image with its short side at `size` pixels, cut to its central square, as uint8."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def tile(image, size):
    """The squares that an image has room for, side by side around its centre, as uint8 stack."""
    pixels = np.asarray(image)
    rows, cols = (side // size for side in pixels.shape[:2])
    top, left = ((side % size) // 2 for side in pixels.shape[:2])
    inside = pixels[top : top + rows * size, left : left + cols * size]
    grid = inside.reshape(rows, size, cols, size, -1).swapaxes(1, 2)
    return grid.reshape(rows * cols, size, size, grid.shape[-1])


def _stacks(path, size, limit, tiles, gray):
    """The squares of each image, a list of uint8 stacks."""
    if str(path) == "cifar10":
        (images, _), _ = keras.datasets.cifar10.load_data()
        return list(images[:limit, None])
    if Path(path).suffix == ".npz":
        with np.load(path) as arrays:
            found = [arrays[name] for name in arrays.files if arrays[name].ndim == 4]
        if not found:
            raise ValueError(f"{path} holds no array of rank 4.")
        return list(found[0][:limit, None])
    opened = _open_all(Path(path), limit, 1 if gray else 3)
    if tiles:
        stacks = [tile(image, size) for image in opened]
    else:
        stacks = [square(image, size)[None] for image in opened]
    if not sum(map(len, stacks)):
        raise ValueError(f"{path} holds no images ({', '.join(sorted(SUFFIXES))}).")
    return [stack if stack.ndim == 4 else stack[..., None] for stack in stacks]


def _open_all(path, limit, channels):
    """Images of a folder or a tar file, one after the other, as Pillow has them."""
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
