"""Images from a folder, a tar file or an .npz file."""

import io
import tarfile
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
from PIL import Image

import umbed_keras as uk
from umbed_keras.images.channels import channel_groups
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.plane_pixels import PlanePixels
from umbed_keras.images.read_image import suffixes


def load_images(path, size=128, limit=None, tiles=False, gray=False, **options):
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
        **options: `scaling`, a `umbed_keras.Scaling`, and `axes` of files that do not name theirs.

    Files that can't be read are left out with a warning. Of an image of several planes, or of
    channels that are no colours, each becomes an image of its own.

    Returns:
        Array `(n, size, size, channels)`, sorted by file name: uint8 if all files have 8 bits, else
        float32 in 0..1.
    """
    return _joined(_stacks(path, size, limit, tiles, gray, **options))


def load_split(path, size=128, limit=None, tiles=False, gray=False, **options):
    """Reads `(training images, held-out images)`; the last tenth of the files is held out.

    Arguments are those of `load_images`.
    """
    stacks = _stacks(path, size, limit, tiles, gray, **options)
    every, counts = _joined(stacks), [len(stack) for stack in stacks]
    train, _ = held_out(counts)
    return every[: sum(train)], every[sum(train) :]


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


def _joined(stacks):
    """Joins stacks of squares, in float32 unless all are uint8."""
    if any(stack.dtype != np.uint8 for stack in stacks):
        stacks = [stack / np.float32(255) if stack.dtype == np.uint8 else stack for stack in stacks]
    return np.concatenate(stacks)


def _stacks(path, size, limit, tiles, gray, scaling=None, axes=None):
    """Returns the squares of each file as a list of stacks."""
    if str(path) == "cifar10":
        (images, _), _ = keras.datasets.cifar10.load_data()
        return list(images[:limit, None])
    if Path(path).suffix == ".npz":
        with np.load(path) as arrays:
            stacks = [arrays[name] for name in arrays.files if arrays[name].ndim == 4]
        if not stacks:
            raise ValueError(f"{path} holds no array of rank 4.")
        return list(stacks[0][:limit, None])
    stacks = []
    for file in _files(Path(path), limit):
        try:
            planes = _planes(file, 1 if gray else 3, scaling or uk.Scaling(), axes)
        except (OSError, TypeError, ValueError) as error:
            warnings.warn(f"{file.name} is left out: {error}", stacklevel=3)
            continue
        cut = [tile(plane, size) if tiles else _square(plane, size)[None] for plane in planes]
        stacks.append(np.concatenate(cut))
    if not sum(map(len, stacks)):
        raise ValueError(f"{path} holds no images that can be read.")
    return stacks


def _planes(file, channels, scaling, axes):
    """Returns the planes of a file `(height, width, channels)`, and its channels one by one."""
    image = uk.read_image(file, axes)
    scaling = scaling.fit(image)
    groups = channel_groups(image, 3 if image.is_rgb else channels)
    return [
        PlanePixels(image, scaling, plane, group, channels)[:, :]
        for plane in image.planes()
        for group in groups
    ]


def _square(pixels, size):
    """As `square`, of an array `(height, width, channels)` of 8 bits or of floats."""
    planes = [square(Image.fromarray(plane), size) for plane in np.moveaxis(pixels, -1, 0).copy()]
    joined = np.stack(planes, axis=-1)
    return joined if joined.dtype == np.uint8 else np.clip(joined, 0, 1)


def _files(path, limit):
    """Yields the paths of a folder's images, or of those of a tar file while they are unpacked."""
    if path.is_dir():
        yield from folder_files(path).images[:limit]
    elif path.is_file():
        with tarfile.open(path) as archive, tempfile.TemporaryDirectory() as folder:
            names = sorted(member.name for member in archive if _is_image(member))
            for name in names[:limit]:
                unpacked = Path(folder, Path(name).name)
                unpacked.write_bytes(archive.extractfile(name).read())
                yield unpacked
                unpacked.unlink()
    else:
        raise ValueError(f"There is no folder, tar or .npz file {path}.")


def _is_image(member):
    path = Path(member.name)
    hidden = any(part.startswith(".") for part in path.parts)
    return member.isfile() and path.suffix.lower() in suffixes() and not hidden
