"""One image on disk, or a folder of them."""

import hashlib
from pathlib import Path

import numpy as np
import PIL.Image

from umbed_keras.images import image_files
from umbed_keras.images.arrays import check_images
from umbed_keras.images.stored_image import StoredImage
from umbed_keras.stores.open_source import TIFFS, open_source

# Of images in a folder.
SUFFIXES = tuple(dict.fromkeys((".npy", *TIFFS, *image_files.SUFFIXES)))
# How much of a source's bytes is looked at to know it again, in pieces all over it.
PIECE, PIECES = 1 << 20, 64


class Images:
    """The images at a path, opened when they are asked for, the last one kept.

    Args:
        path: path of what `open_source` takes, or of a folder, searched in depth for files with
            `SUFFIXES`.
        channels: int, of the images.
        sizes: list of `(name, height, width)` where they are known already.

    `sizes` are of the images that can be read, by their paths in the folder, "" for a lone one;
    `unreadable` is a dictionary of the others' paths to why; `left_out` are the paths of what looks
    like an image of another kind; `reading_bytes` is the most that reading a window takes; `first`
    is the first image.

    Raises:
        ValueError, TypeError, OSError: a lone image that can't be read, or no image that can.
    """

    def __init__(self, path, channels, sizes=None):
        self.path, self._channels, self._last = Path(path), channels, (None, None)
        self.unreadable, self.left_out, self.reading_bytes = {}, [], 0
        if sizes is None:
            names = [""]
            if is_folder_of_images(path):
                names = self._names(image_files.image_files(path, SUFFIXES))
                self.left_out = self._names(filter(_is_other, image_files.visible(path)))
            sizes = list(filter(None, map(self._size, names)))
            if not sizes:
                name, error = next(iter(self.unreadable.items()))
                raise ValueError(f"No image in {path} can be read. {name}: {error}")
        self.sizes = sizes

    def __getitem__(self, number):
        if self._last[0] != number:
            self._last = (number, self._open(self.sizes[number][0]))
        return self._last[1]

    @property
    def first(self):
        return self[0]

    def identity(self, late=()):
        """What the images are known by again.

        Args:
            late: names of those in the folder that couldn't be read at first, if there still are.

        Returns:
            Dictionary of their `path`; `sha256`, see `fingerprint`, of all but the late ones; and
            `late`, if there are any, of names to a late one's own, None while it can't be read.
        """
        if not self.sizes[0][0]:
            return {"path": str(self.path), "sha256": fingerprint(self.first.files)}
        late = {*late, *self.unreadable}
        files = {name: self.path / name for name, *_ in self.sizes}
        first = [file for name, file in files.items() if name not in late]
        identity = {"path": str(self.path), "sha256": fingerprint(self.path, first)}
        own = {name: fingerprint(file) for name, file in files.items() if name in late}
        own |= dict.fromkeys(self.unreadable)
        return {**identity, "late": own} if own else identity

    def _names(self, paths):
        return [path.relative_to(self.path).as_posix() for path in paths]

    def _size(self, name):
        """Name, height and width of an image; None where it can't be read."""
        try:
            image = self._open(name)
        except (OSError, TypeError, ValueError) as error:
            if not name:
                raise
            self.unreadable[name] = f"{type(error).__name__}: {error}"
            return None
        self.reading_bytes = max(self.reading_bytes, image.reading_bytes)
        return name, *image.shape[:2]

    def _open(self, name):
        image = open_source(self.path / name, self._channels)
        StoredImage(image, self._channels)
        check_images(np.zeros((1, 1, 1, self._channels), image.dtype), self._channels)
        return image


def is_folder_of_images(path):
    """Whether a path is a folder that isn't a Zarr array or group itself."""
    marks = ("zarr.json", ".zarray", ".zgroup")
    return Path(path).is_dir() and not any((Path(path) / mark).exists() for mark in marks)


def _is_other(path):
    """Whether a path in a folder looks like an image that isn't looked for."""
    suffix = path.suffix.lower()
    if path.is_dir():
        return suffix == ".zarr"
    kind = PIL.Image.registered_extensions().get(suffix)
    return kind in PIL.Image.OPEN and suffix not in SUFFIXES


def fingerprint(path, files=None):
    """SHA-256 over the names and sizes of files, and 64 MiB at most of what is in them.

    Small sources are read whole; of large ones, pieces all over them.

    Args:
        path: path of a file or a folder.
        files: list of paths of those in the folder that count; by default all.
    """
    path = Path(path)
    if files is None:
        found = [path] if path.is_file() else path.rglob("*")
        files = sorted(part for part in found if part.is_file())
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
        number = int(np.searchsorted(ends, start, side="right"))
        offset = int(start) - (int(ends[number]) - sizes[number])
        while left and number < len(files):
            with files[number].open("rb") as file:
                file.seek(offset)
                piece = file.read(left)
            digest.update(piece)
            left, number, offset = left - len(piece), number + 1, 0
    return digest.hexdigest()
