"""Squares of the images of a folder, a tar file or an .npz file, in memory."""

import tarfile
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import keras
import numpy as np

from umbed_keras.images.channels import channel_groups
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.plane_pixels import PlanePixels
from umbed_keras.images.read_image import read_image, suffixes
from umbed_keras.images.scaling import Scaling
from umbed_keras.images.squares.cutting import channel_square, tile
from umbed_keras.typing import PathLike

_Item = TypeVar("_Item")


def load_images(
    path: PathLike,
    size: int = 128,
    limit: int | None = None,
    tiles: bool = False,
    gray: bool = False,
    scaling: Scaling | None = None,
    axes: str | None = None,
) -> np.ndarray:
    """Reads images as squares.

    Files that can't be read are left out with a warning. Of an image of several planes, or of
    channels that are no colours, each becomes an image of its own.

    Args:
        path: folder (searched with its subfolders) or tar file (compressed or not); or .npz file,
            whose first array of rank 4 is returned unchanged; or `"cifar10"`, which Keras
            downloads.
        size: side of the squares in pixels. The short side is resized to it by Lanczos
            resampling, and the central square is cut out.
        limit: the largest number of files, or None.
        tiles: True cuts each image into as many squares as fit, without resizing.
        gray: True reads images as luma, in one channel instead of three.
        scaling: `Scaling` of the images' numbers; None is `Scaling()`.
        axes: axes of files that do not name theirs, such as `"zyx"`.

    Returns:
        Array `(n, size, size, channels)` in the order of the files' names: uint8 if all files have
        8 bits, else float32 in 0..1.

    Raises:
        ValueError: if there is no such folder or file, or it holds no images.

    Examples:
        >>> np.savez("images.npz", np.zeros((5, 8, 8, 3), "uint8"))
        >>> load_images("images.npz", limit=4).shape
        (4, 8, 8, 3)
    """
    return joined(_stacks(path, size, limit, tiles, gray, scaling, axes))


def load_split(
    path: PathLike,
    size: int = 128,
    limit: int | None = None,
    tiles: bool = False,
    gray: bool = False,
    scaling: Scaling | None = None,
    axes: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Reads images as squares, and holds out those of the last tenth of the files.

    Args:
        path, size, limit, tiles, gray, scaling, axes: as in `load_images`.

    Returns:
        Images to train on and images that are held out, as `load_images` returns them.

    Raises:
        ValueError: as `load_images`; or if there is one file alone.

    Examples:
        >>> np.savez("images.npz", np.zeros((5, 8, 8, 3), "uint8"))
        >>> [part.shape[0] for part in load_split("images.npz")]
        [4, 1]
    """
    stacks = _stacks(path, size, limit, tiles, gray, scaling, axes)
    train, _ = held_out(stacks)
    if not sum(map(len, train)):
        raise ValueError(f"{path} holds one image alone: there must be others to hold out.")
    every, count = joined(stacks), sum(map(len, train))
    return every[:count], every[count:]


def held_out(items: Sequence[_Item], share: float = 0.1) -> tuple[Sequence[_Item], Sequence[_Item]]:
    """Splits a sequence into the items to train on and the last ones, which are held out.

    Args:
        items: sequence of at least one item.
        share: share of the items that is held out, at least one of them.

    Examples:
        >>> held_out([1, 2, 3])
        ([1, 2], [3])
    """
    start = len(items) - max(1, round(len(items) * share))
    return items[:start], items[start:]


def joined(stacks: Sequence[np.ndarray]) -> np.ndarray:
    """Joins stacks of images, in float32 unless all are uint8.

    Args:
        stacks: arrays `(n, height, width, channels)`, uint8 or floats in 0..1.

    Examples:
        >>> ones = np.ones((1, 2, 2, 1))
        >>> joined([ones, np.full((1, 2, 2, 1), 255, "uint8")]).max().item()
        1.0
    """
    if any(stack.dtype != np.uint8 for stack in stacks):
        stacks = [stack / np.float32(255) if stack.dtype == np.uint8 else stack for stack in stacks]
    return np.concatenate(stacks)


def _stacks(
    path: PathLike,
    size: int,
    limit: int | None,
    tiles: bool,
    gray: bool,
    scaling: Scaling | None,
    axes: str | None,
) -> list[np.ndarray]:
    """The squares of each file, `(n, size, size, channels)`."""
    if str(path) == "cifar10":
        (images, _), _ = keras.datasets.cifar10.load_data()
        return list(images[:limit, None])
    if Path(path).suffix == ".npz" and Path(path).is_file():
        with np.load(path) as arrays:
            stacks = [arrays[name] for name in arrays.files if arrays[name].ndim == 4]
        if not stacks:
            raise ValueError(f"{path} holds no array of rank 4.")
        return list(stacks[0][:limit, None])
    stacks = []
    for file in _files(Path(path), limit):
        try:
            planes = planes_of(file, 1 if gray else 3, scaling, axes)
        except (OSError, TypeError, ValueError) as error:
            warnings.warn(f"{file.name} is left out: {error}", stacklevel=3)
            continue
        cut = [
            tile(plane, size) if tiles else channel_square(plane, size)[None] for plane in planes
        ]
        stacks.append(np.concatenate(cut))
    if not sum(map(len, stacks)):
        larger = f" of {size} x {size} pixels or more" if tiles and stacks else ""
        raise ValueError(f"{path} holds no images{larger} that can be read.")
    return stacks


def planes_of(
    file: PathLike, channels: int = 3, scaling: Scaling | None = None, axes: str | None = None
) -> list[np.ndarray]:
    """Reads the planes of a file, and its channels one by one unless they are colours.

    Args:
        file: path of an image.
        channels: number of channels of the result, 3 or 1.
        scaling, axes: as in `load_images`.

    Returns:
        List of arrays `(height, width, channels)`, uint8 or float32 in 0..1.

    Raises:
        OSError: if the file can't be read.
        ValueError: if it is no image.

    Examples:
        >>> np.save("stack.npy", np.zeros((2, 5, 6), "uint16"))
        >>> [plane.shape for plane in planes_of("stack.npy", axes="zyx")]
        [(5, 6, 3), (5, 6, 3)]
    """
    image = read_image(file, axes)
    scaling = (scaling or Scaling()).fit(image)
    groups = channel_groups(image, 3 if image.is_rgb else channels)
    return [
        PlanePixels(image, scaling, plane, group, channels)[:, :]
        for plane in image.planes()
        for group in groups
    ]


def _files(path: Path, limit: int | None) -> Iterator[Path]:
    """Yields the paths of a folder's images, or of those of a tar file while they are unpacked."""
    if path.is_dir():
        yield from folder_files(path).images[:limit]
    elif path.is_file():
        if not tarfile.is_tarfile(path):
            raise ValueError(f"{path} is no folder, tar or .npz file.")
        with tarfile.open(path) as archive, tempfile.TemporaryDirectory() as folder:
            names = sorted(member.name for member in archive if _is_image(member))
            for name in names[:limit]:
                content = archive.extractfile(name)
                if content is not None:
                    unpacked = Path(folder, Path(name).name)
                    unpacked.write_bytes(content.read())
                    yield unpacked
                    unpacked.unlink()
    else:
        raise ValueError(f"There is no folder, tar or .npz file {path}.")


def _is_image(member: tarfile.TarInfo) -> bool:
    path = Path(member.name)
    hidden = any(part.startswith(".") for part in path.parts)
    return member.isfile() and path.suffix.lower() in suffixes() and not hidden
