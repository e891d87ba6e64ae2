"""Fingerprints of images on disk or on a server, by which a later call recognises them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.images.readers.hdf5 import split_dataset
from umbed_keras.images.readers.location import Location, is_address
from umbed_keras.typing import PathLike

# Of files on this machine at most so many pieces are read, each of so many bytes.
PIECE, PIECES = 1 << 20, 64
# What file systems tell of a file that changes with its content, in lower case.
_VERSIONS = {
    "content-md5",
    "content_hash",
    "crc",
    "crc32c",
    "digest",
    "etag",
    "generation",
    "hex",
    "last-modified",
    "last_modified",
    "last_write_time",
    "lastmodified",
    "md5hash",
    "modificationtime",
    "modified",
    "modify",
    "mtime",
    "sha",
    "updated",
    "version_id",
    "versionid",
}


def fingerprint(path: PathLike, files: Sequence[Path] | None = None) -> str:
    """Computes a SHA-256 of the names and sizes of files and of at most 64 MiB of their content.

    Small files are read whole. Of large ones on this machine, pieces are read that are spread
    evenly. Of large ones at an address, the version or time that its server tells is taken, and if
    it tells none, they are read whole.

    Args:
        path: path or address of a file, of a dataset in an HDF5 file, or of a folder.
        files: list of paths of those files in the folder that count; None is all.

    Returns:
        Str of 64 hexadecimal digits.

    Examples:
        >>> for name, text in {"a": "same", "b": "same", "c": "other"}.items():
        ...     _ = Path(name).write_text(text)
        >>> fingerprint("a") == fingerprint("b"), fingerprint("a") == fingerprint("c")
        (True, False)
    """
    file, dataset = str(path), ""
    if not Path(file).exists():
        file, dataset = split_dataset(file)
    digest = _of_address(Location(file)) if is_address(file) else _of_files(Path(file), files)
    if dataset:
        digest.update(f"\0{dataset.strip('/')}".encode())
    return digest.hexdigest()


def _of_files(path: Path, files: Sequence[Path] | None) -> Any:
    """Returns the hash of files on this machine."""
    if files is None:
        candidates = [path] if path.is_file() else path.rglob("*")
        files = sorted(part for part in candidates if part.is_file())
    sizes = [file.stat().st_size for file in files]
    digest = hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        name = file.relative_to(path).as_posix() if file != path else ""
        digest.update(f"{name}\0{size}\0".encode())
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    starts = range(0, total, PIECE)
    if len(starts) > PIECES:
        starts = np.linspace(0, total - PIECE, PIECES).astype("int64")
    for start in starts:
        left = PIECE
        index = int(np.searchsorted(ends, start, side="right"))
        offset = int(start) - (int(ends[index]) - sizes[index])
        while left and index < len(files):
            with files[index].open("rb") as file:
                file.seek(offset)
                piece = file.read(left)
            digest.update(piece)
            left, index, offset = left - len(piece), index + 1, 0
    return digest


def _of_address(location: Location) -> Any:
    """Returns the hash of the file or folder at an address."""
    files = location.files()
    sizes = [told.get("size") for told in files.values()]
    # Times may be rounded to seconds, in which a small file is easily altered.
    is_small = None not in sizes and sum(sizes) <= PIECE * PIECES
    digest = hashlib.sha256()
    for name, told in sorted(files.items()):
        versions = {key: str(told[key]) for key in sorted(told) if key.lower() in _VERSIONS}
        digest.update(repr((name, told.get("size"))).encode())
        if versions and not is_small:
            digest.update(repr(versions).encode())
            continue
        with (location / name if name else location).open() as file:
            # A server may be unable to send parts of a file.
            piece = file.read() if is_small else file.read(PIECE)
            while piece:
                digest.update(piece)
                piece = file.read(PIECE)
    return digest
