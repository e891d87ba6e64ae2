"""The image files of a folder, by one rule for training, stores and segmentation."""

import os
from dataclasses import dataclass
from pathlib import Path

from umbed_keras.images.read_image import REFUSED, suffixes
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.zarr_arrays import is_zarr
from umbed_keras.typing import PathLike


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder, in the order of their paths.

    Attributes:
        images: paths of the images.
        left_out: paths of what looks like an image and is not read, such as FITS files.

    Examples:
        >>> Path("photos/new").mkdir(parents=True)
        >>> for name in ("b.PNG", "new/a.jpg", ".hidden.png", "sky.fits", "notes.txt"):
        ...     Path("photos", name).touch()
        >>> files = folder_files("photos")
        >>> [path.as_posix() for path in files.images]
        ['photos/b.PNG', 'photos/new/a.jpg']
        >>> [path.name for path in files.left_out]
        ['sky.fits']
    """

    images: tuple[Path, ...]
    left_out: tuple[Path, ...]


def folder_files(folder: PathLike) -> FolderFiles:
    """Finds the images in a folder and its subfolders.

    An image is a file with a suffix that `umbed_keras.read_image` reads, or a Zarr folder. Hidden
    files and folders, such as the `._0.png` that macOS puts beside `0.png`, are left out. Links to
    folders are followed, each folder once.

    Args:
        folder: path.

    Raises:
        ValueError: if `folder` is no folder, or holds no images.

    Examples:
        >>> Path("empty").mkdir()
        >>> folder_files("empty")
        Traceback (most recent call last):
        ValueError: `folder` must hold images. Received: 'empty', which holds none.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"`folder` must be a folder. Received: {str(folder)!r}")
    known, refused = set(suffixes()), {suffix for part in REFUSED for suffix in part}
    images, left_out = [], []
    for path in _visible(folder):
        suffix = path.suffix.lower()
        if path.is_dir() or (suffix in known and suffix != ".zarr"):
            images.append(path)
        elif suffix in refused:
            left_out.append(path)
    if not images:
        raise ValueError(f"`folder` must hold images. Received: {str(folder)!r}, which holds none.")
    return FolderFiles(tuple(images), tuple(left_out))


def _visible(folder: Path) -> list[Path]:
    """Files and Zarr folders in a folder, in the order of their paths."""
    result, visited = [], set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        inner = [name for name in folders if not name.startswith(".")]
        arrays = [name for name in inner if is_zarr(Location(Path(root, name)))]
        folders[:] = [name for name in inner if name not in arrays]
        result += [Path(root, name) for name in files if not name.startswith(".")]
        result += [Path(root, name) for name in arrays]
    return sorted(result, key=lambda path: path.relative_to(folder).as_posix())
