"""The content of image files, by which they are known again wherever they lie."""

import hashlib
from pathlib import Path

from umbed_keras.images.readers.hdf5 import split_dataset
from umbed_keras.typing import PathLike


def content_digest(path: PathLike) -> str:
    """Computes the SHA-256 of a file, or of all files of a folder.

    Args:
        path: path of a file, of a folder such as a Zarr image, or of a dataset of an HDF5 file, of
            which the whole file counts.

    Returns:
        Str of 64 hexadecimal digits.

    Raises:
        OSError: if there is no such file, or it can't be read.

    Examples:
        >>> _ = Path("empty.tif").write_bytes(b"")
        >>> content_digest("empty.tif")[:16]
        'e3b0c44298fc1c14'
    """
    path = Path(split_dataset(str(path))[0])
    if not path.is_dir():
        return _file_digest(path).hexdigest()
    digest = hashlib.sha256()
    for part in _files(path):
        digest.update(part.relative_to(path).as_posix().encode())
        digest.update(_file_digest(part).digest())
    return digest.hexdigest()


def content_stamp(path: PathLike) -> tuple[int, int]:
    """Returns the size of a file or folder and its time of change, without reading it.

    Args:
        path: as in `content_digest`.

    Returns:
        The number of bytes of all files, and the latest time at which one changed, in nanoseconds.

    Raises:
        OSError: if there is no such file.

    Examples:
        >>> _ = Path("three.tif").write_bytes(b"abc")
        >>> content_stamp("three.tif")[0]
        3
    """
    path = Path(split_dataset(str(path))[0])
    parts = [part.stat() for part in (_files(path) if path.is_dir() else [path])]
    return sum(part.st_size for part in parts), max((part.st_mtime_ns for part in parts), default=0)


def _files(folder: Path) -> list[Path]:
    return [part for part in sorted(folder.rglob("*")) if not part.is_dir()]


def _file_digest(path: Path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")
