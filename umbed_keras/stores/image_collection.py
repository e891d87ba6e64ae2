"""The images at a path: one image, or all images in a folder."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.read_image import read_image
from umbed_keras.images.readers.hdf5 import split_dataset
from umbed_keras.images.readers.location import Location, is_address
from umbed_keras.images.readers.zarr_arrays import is_zarr
from umbed_keras.images.scaling import Scaling, sample
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.stores.layout import Plan
from umbed_keras.typing import PathLike

# A fingerprint reads at most so many pieces, each of so many bytes.
PIECE, PIECES = 1 << 20, 64


class ImageCollection:
    """The images at a path, opened when they are indexed. The last one is kept open.

    Args:
        path: path or address of an image, as `umbed_keras.read_image` takes it, or path of a
            folder, which is searched for images with its subfolders.
        embedder: `PixelEmbedder`.
        scaling: `Scaling` of the images' numbers. Without limits it is fitted to each image, or, if
            its scope is `"collection"`, to all.
        channels: indices or names of the channels to use, in order; None uses all.
        axes: axes of files that do not name theirs.
        plan: `Plan` that lists the images with their scalings, if it is known; None reads them.

    Attributes:
        sizes: list of `(name, *planes, height, width)` of the readable images. A name is the path
            in the folder, or "" for a single image.
        plane_axes: dictionary from names to the letters of the axes of planes.
        scalings: dictionary from names to configurations of their fitted `Scaling`.
        unreadable: dictionary from the names of other images to errors.
        left_out: list of the names of files that look like images and are not read.
        reading_bytes: int, the most bytes that reading a window takes.
        num_groups: int, how many groups of channels the images have.

    Raises:
        TypeError, ValueError: if a single image can't be read, or no image of a folder can.
        OSError: if `path` does not exist or may not be read.

    Examples:
        >>> np.save("a.npy", np.zeros((5, 6, 3), "uint8"))
        >>> np.save("b.npy", np.zeros((7, 4, 3), "uint8"))
        >>> images = ImageCollection(".", uk.PixelEmbedder(latent_dim=4, widths=(4, 4)))
        >>> images.sizes
        [('a.npy', 5, 6), ('b.npy', 7, 4)]
        >>> images[1].image.shape
        (7, 4, 3)
    """

    def __init__(
        self,
        path: PathLike,
        embedder: PixelEmbedder,
        scaling: Scaling | None = None,
        channels: Sequence[int | str] | None = None,
        axes: str | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.path = str(path) if is_address(path) else Path(path)
        self._embedder, self._channels, self._axes = embedder, channels, axes
        self._scaling, self._last = scaling or Scaling(), (None, None)
        self.unreadable, self.left_out, self.reading_bytes = {}, [], 0
        self.plane_axes: dict[str, str] = {}
        self.scalings: dict[str, Any] = {}
        self.num_groups = 0
        if plan is not None:
            self.sizes = [tuple(entry) for entry in plan.images]
            self.scalings, self.plane_axes = dict(plan.scalings), dict(plan.plane_axes)
            return
        names = [""]
        if self._is_folder:
            files = folder_files(path)
            names, self.left_out = map(self._names, (files.images, files.left_out))
        if self._scaling.scope == "collection" and not self._scaling.is_fitted:
            self._scaling = self._scaling.fit(self._readable(names))
        self.sizes = list(filter(None, map(self._size, names)))
        if not self.sizes:
            name, error = next(iter(self.unreadable.items()))
            raise ValueError(f"No image in {path} can be read. {name}: {error}")

    def __getitem__(self, index: int) -> ImageVectors:
        if self._last[0] != index:
            name = self.sizes[index][0]
            image = self._open(name)
            scaling = Scaling.from_config(self.scalings[name])
            vectors = ImageVectors(self._embedder, image, scaling, self._channels)
            self._last = (index, vectors)
        vectors = self._last[1]
        assert vectors is not None
        return vectors

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
            file = self.path
            if not isinstance(file, str):
                file = Path(split_dataset(str(file))[0])
            return {"path": str(self.path), "sha256": fingerprint(file)}
        late = {*late, *self.unreadable}
        files = {name: self.path / name for name, *_ in self.sizes}
        first = [file for name, file in files.items() if name not in late]
        identity = {"path": str(self.path), "sha256": fingerprint(self.path, _contents(first))}
        fingerprints = {name: fingerprint(file) for name, file in files.items() if name in late}
        fingerprints |= dict.fromkeys(self.unreadable)
        return {**identity, "late": fingerprints} if fingerprints else identity

    @property
    def _is_folder(self) -> bool:
        path = self.path
        return isinstance(path, Path) and path.is_dir() and not is_zarr(Location(path))

    def _names(self, paths: Iterable[Path]) -> list[str]:
        return [path.relative_to(self.path).as_posix() for path in paths]

    def _size(self, name: str) -> tuple[Any, ...] | None:
        """Returns name and sizes of an image, or None if it can't be read."""
        try:
            image = self._open(name)
            vectors = ImageVectors(self._embedder, image, self._scaling, self._channels)
            if self.num_groups not in (0, vectors.num_groups):
                raise ValueError(
                    f"it is described in {vectors.num_groups} groups of channels, and others in "
                    f"{self.num_groups}"
                )
        except (ImportError, OSError, TypeError, ValueError) as error:
            if not name:
                raise
            self.unreadable[name] = f"{type(error).__name__}: {error}"
            return None
        self.num_groups = vectors.num_groups
        self.scalings[name] = vectors.scaling.get_config()
        self.plane_axes[name] = image.plane_axes
        self.reading_bytes = max(self.reading_bytes, image.reading_bytes)
        return name, *image.plane_shape, image.height, image.width

    def _readable(self, names: Sequence[str]) -> list[Image]:
        images = []
        for name in names:
            try:
                image = self._open(name)
                sample(image, 1)
                images.append(image)
            except (ImportError, OSError, TypeError, ValueError):
                if not name:
                    raise
        return images

    def _open(self, name: str) -> Image:
        return read_image(self.path if not name else Path(self.path) / name, self._axes)


def _contents(paths: Iterable[Path]) -> list[Path]:
    """The files at paths, those in folders included."""
    files = []
    for path in paths:
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return files


def fingerprint(path: PathLike, files: Sequence[Path] | None = None) -> str:
    """Computes a SHA-256 of the names and sizes of files and of at most 64 MiB of their content.

    Small files are read whole. Of large ones, pieces are read that are spread evenly.

    Args:
        path: path or address of a file, or path of a folder.
        files: list of paths of those files in the folder that count; None is all.

    Returns:
        Str of 64 hexadecimal digits.

    Examples:
        >>> for name, text in {"a": "same", "b": "same", "c": "other"}.items():
        ...     _ = Path(name).write_text(text)
        >>> fingerprint("a") == fingerprint("b"), fingerprint("a") == fingerprint("c")
        (True, False)
    """
    if is_address(path):
        return _fingerprint_of_address(str(path))
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


def _fingerprint_of_address(address: str) -> str:
    """A hash of what a server tells of a file: its name, its size, and its version or time."""
    information = Location(address).information()
    telling = {key: str(information[key]) for key in sorted(information) if key in _TELLING}
    return hashlib.sha256(repr((address, telling)).encode()).hexdigest()


# What file systems tell of a file that changes with its content.
_TELLING = ("size", "mtime", "ETag", "etag", "created", "LastModified", "md5Hash", "generation")
