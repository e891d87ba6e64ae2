"""The images at a path: one image, or all images in a folder."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.read_image import read_image
from umbed_keras.images.readers.location import Location, is_address
from umbed_keras.images.readers.zarr_arrays import is_zarr
from umbed_keras.images.scaling import Scaling, sample
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.stores.fingerprint import fingerprint
from umbed_keras.stores.layout import Plan
from umbed_keras.typing import PathLike


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
        if not isinstance(scaling, Scaling | None):
            raise TypeError(f"`scaling` must be a `umbed_keras.Scaling`. Received: {scaling!r}")
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
            return {"path": str(self.path), "sha256": fingerprint(self.path)}
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
            if 0 in image.shape:
                raise ValueError(f"{image.name} has no pixels: its shape is {image.shape}")
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
