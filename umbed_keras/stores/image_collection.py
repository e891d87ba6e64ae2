"""The images at a path: one image, or all images in a folder."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from umbed_keras.images import image_files
from umbed_keras.images.arrays import check_images
from umbed_keras.images.stored_image import StoredImage
from umbed_keras.stores.image_source import TIFFS, ImageSource, open_source
from umbed_keras.typing import PathLike

# Suffixes of the images in a folder.
SUFFIXES = tuple(dict.fromkeys((".npy", *TIFFS, *image_files.SUFFIXES)))
# A fingerprint reads at most so many pieces, each of so many bytes.
PIECE, PIECES = 1 << 20, 64


class ImageCollection:
    """The images at a path, opened when they are indexed. The last one is kept open.

    Args:
        path: path of an image, as `open_source` takes it, or of a folder, which is searched
            recursively for files with `SUFFIXES`.
        channels: int, number of channels of the images.
        sizes: list of `(name, height, width)`, if they are known; None reads them.

    Attributes:
        sizes: list of `(name, height, width)` of the readable images. A name is the path in the
            folder, or "" for a single image.
        unreadable: dictionary from the names of other images to errors.
        left_out: list of the names of files and folders that look like images of other kinds.
        reading_bytes: int, the most bytes that reading a window takes.

    Raises:
        ValueError: if a single image can't be read, or no image of a folder can.
        TypeError: if a single image is neither uint8 nor floating.
        OSError: if `path` does not exist or may not be read.

    Examples:
        >>> np.save("a.npy", np.zeros((5, 6, 3), "uint8"))
        >>> np.save("b.npy", np.zeros((7, 4, 3), "uint8"))
        >>> images = ImageCollection(".", channels=3)
        >>> images.sizes
        [('a.npy', 5, 6), ('b.npy', 7, 4)]
        >>> images[1].shape
        (7, 4, 3)
    """

    def __init__(
        self, path: PathLike, channels: int, sizes: Sequence[tuple[str, int, int]] | None = None
    ) -> None:
        self.path, self._channels, self._last = Path(path), channels, (None, None)
        self.unreadable, self.left_out, self.reading_bytes = {}, [], 0
        if sizes is None:
            names = [""]
            if _is_folder_of_images(self.path):
                names = self._names(image_files.image_files(self.path, SUFFIXES))
                self.left_out = self._names(filter(_is_other, image_files.visible(self.path)))
            sizes = list(filter(None, map(self._size, names)))
            if not sizes:
                name, error = next(iter(self.unreadable.items()))
                raise ValueError(f"No image in {path} can be read. {name}: {error}")
        self.sizes = sizes

    def __getitem__(self, index: int) -> ImageSource:
        if self._last[0] != index:
            self._last = (index, self._open(self.sizes[index][0]))
        image = self._last[1]
        assert image is not None
        return image

    def identity(self, late: Iterable[str] = ()) -> dict[str, Any]:
        """Computes the identity of the images, by which a later call recognises them.

        Args:
            late: names of images in the folder that could not be read at first. Those that were
                removed since are ignored.

        Returns:
            Dictionary of `path`; of `sha256`, the fingerprint of all images but the late ones; and
            of `late`, if there are any: a dictionary from the name of each late image to its
            fingerprint, or to None while it can't be read.
        """
        if not self.sizes[0][0]:
            return {"path": str(self.path), "sha256": fingerprint(self[0].files)}
        late = {*late, *self.unreadable}
        files = {name: self.path / name for name, *_ in self.sizes}
        first = [file for name, file in files.items() if name not in late]
        identity = {"path": str(self.path), "sha256": fingerprint(self.path, first)}
        fingerprints = {name: fingerprint(file) for name, file in files.items() if name in late}
        fingerprints |= dict.fromkeys(self.unreadable)
        return {**identity, "late": fingerprints} if fingerprints else identity

    def _names(self, paths: Iterable[Path]) -> list[str]:
        return [path.relative_to(self.path).as_posix() for path in paths]

    def _size(self, name: str) -> tuple[str, int, int] | None:
        """Returns name, height and width of an image, or None if it can't be read."""
        try:
            image = self._open(name)
        except (OSError, TypeError, ValueError) as error:
            if not name:
                raise
            self.unreadable[name] = f"{type(error).__name__}: {error}"
            return None
        self.reading_bytes = max(self.reading_bytes, image.reading_bytes)
        return name, *image.shape[:2]

    def _open(self, name: str) -> ImageSource:
        image = open_source(self.path / name, self._channels)
        StoredImage(image, self._channels)  # checks the shape
        check_images(np.zeros((1, 1, 1, self._channels), image.dtype), self._channels)
        return image


def fingerprint(path: PathLike, files: Sequence[Path] | None = None) -> str:
    """Computes a SHA-256 of the names and sizes of files and of at most 64 MiB of their content.

    Small files are read whole. Of large ones, pieces are read that are spread evenly.

    Args:
        path: path of a file or a folder.
        files: list of paths of those files in the folder that count; None is all.

    Returns:
        Str of 64 hexadecimal digits.

    Examples:
        >>> for name, text in {"a": "same", "b": "same", "c": "other"}.items():
        ...     _ = Path(name).write_text(text)
        >>> fingerprint("a") == fingerprint("b"), fingerprint("a") == fingerprint("c")
        (True, False)
    """
    path = Path(path)
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
    return digest.hexdigest()


def _is_folder_of_images(path: Path) -> bool:
    """Returns whether a path is a folder that is no Zarr array or group itself."""
    marks = ("zarr.json", ".zarray", ".zgroup")
    return path.is_dir() and not any((path / mark).exists() for mark in marks)


def _is_other(path: Path) -> bool:
    """Returns whether a path in a folder looks like an image without being one of `SUFFIXES`."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return suffix == ".zarr"
    kind = PIL.Image.registered_extensions().get(suffix)
    return kind in PIL.Image.OPEN and suffix not in SUFFIXES
