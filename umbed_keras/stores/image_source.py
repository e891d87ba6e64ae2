"""An image on disk, of any format, as an array that is read window by window."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from umbed_keras.extras import import_extra
from umbed_keras.images.pillow_files import check_channels, image_size, open_image
from umbed_keras.images.readers.file_errors import readable
from umbed_keras.stores.ome_zarr import finest_level
from umbed_keras.typing import PathLike

# Suffixes of files that tifffile reads.
TIFFS = (".tif", ".tiff", ".svs", ".ndpi")


class ImageSource:
    """An image on disk as `(height, width, channels)`, whatever the order of its axes.

    Args:
        array: anything with `shape`, `dtype` and slices.
        axes: str, a letter for each axis of the array: y, x and perhaps c. Other axes must have
            size 1.
        files: path of the file that holds the array, or of the folder of files.
        scale: two floats, size of a pixel along y and x.
        unit: str, unit of `scale` as OME-Zarr names it, or None if it is unknown.
        ome: bool, whether the array belongs to an OME-Zarr image.

    Attributes:
        shape: ints `(height, width, channels)`.
        dtype: NumPy dtype.
        reading_bytes: int, bytes that reading a window takes beside the window.

    Raises:
        ValueError: if the array lacks an axis y or x, or has several planes.

    Examples:
        >>> source = ImageSource(np.arange(24).reshape(3, 2, 4), "cyx", "image.npy")
        >>> source.shape
        (2, 4, 3)
        >>> source[0:1, 0:2].tolist()
        [[[0, 8, 16], [1, 9, 17]]]
    """

    def __init__(
        self,
        array: Any,
        axes: str,
        files: PathLike,
        scale: tuple[float, float] = (1.0, 1.0),
        unit: str | None = None,
        ome: bool = False,
    ) -> None:
        sizes = dict(zip(axes, array.shape, strict=True))
        planes = {axis: size for axis, size in sizes.items() if axis not in "yxc" and size > 1}
        if planes or not {"y", "x"} <= set(sizes):
            raise ValueError(
                f"`source` must be one image, of axes y, x and perhaps c. {files} has "
                f"{', '.join(f'{axis} of {size}' for axis, size in sizes.items())}."
            )
        self.array, self.axes, self.files = array, axes, Path(files)
        self.scale, self.unit, self.ome = tuple(map(float, scale)), unit, ome
        self.shape = (sizes["y"], sizes["x"], sizes.get("c", 1))
        self.dtype, self.reading_bytes = array.dtype, _reading_bytes(array)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        chosen = dict(zip("yx", window, strict=True), c=slice(None))
        part = np.asarray(self.array[tuple(chosen.get(axis, 0) for axis in self.axes)])
        kept = [axis for axis in self.axes if axis in chosen]
        if "c" not in kept:
            part, kept = part[..., None], [*kept, "c"]
        return part.transpose([kept.index(axis) for axis in "yxc"])


def open_source(path: PathLike, channels: int) -> ImageSource:
    """Opens the image at a path.

    Args:
        path: path of a .npy file; a TIFF; a Zarr array; an OME-Zarr image, whose finest level is
            taken; or a file that Pillow reads, see `open_image`. Arrays are `(height, width)` or
            `(height, width, channels)` unless the format says otherwise.
        channels: int, number of channels that image files of Pillow are converted to.

    Returns:
        The `ImageSource`.

    Raises:
        ValueError: if the file is no image, or broken. The message names it.
        OSError: if there is no such file, or it may not be read.
        ImportError: if the extra `stores` is not installed, for TIFF and Zarr.

    Examples:
        >>> np.save("image.npy", np.zeros((5, 6, 3), "uint8"))
        >>> open_source("image.npy", channels=3).shape
        (5, 6, 3)
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if path.is_dir():
        return _from_zarr(path)
    if suffix == ".npy":
        with readable(path):
            array = _Mapped(functools.partial(open_memmap, path, mode="r"))
        return ImageSource(array, _plain_axes(array, path), path)
    if suffix in TIFFS:
        return _from_tiff(path)
    return ImageSource(_ImageFile(path, channels), "yxc", path)


class _Mapped:
    """An array in a file that is mapped anew for each window, so that nothing stays in memory.

    Args:
        open_map: function that opens the memory map.
    """

    def __init__(self, open_map: Callable[[], np.ndarray]) -> None:
        array, self._open = open_map(), open_map
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(self._open()[index])


class _ImageFile:
    """An image file that `open_image` decodes when the first window is read.

    Args:
        path: path of the file.
        channels: int, 1 for grey or 3 for colours, whatever the file has.
    """

    dtype = np.dtype("uint8")

    def __init__(self, path: Path, channels: int) -> None:
        check_channels(channels)
        self.shape = (*image_size(path), channels)
        self._path, self._pixels = path, None

    def __getitem__(self, index: Any) -> np.ndarray:
        if self._pixels is None:
            self._pixels = open_image(self._path, self.shape[2])
        return self._pixels[index]


def _reading_bytes(array: Any) -> int:
    size = np.dtype(array.dtype).itemsize
    if isinstance(array, _ImageFile):
        # Pillow takes 4 bytes a pixel, for the decoded and for the converted image.
        return math.prod(array.shape[:2]) * (4 + 4 + array.shape[2])
    if hasattr(array, "chunks"):  # Zarr decodes several chunks at once
        concurrency = import_extra("zarr", "stores").config.get("async.concurrency")
        return concurrency * size * math.prod(array.chunks)
    return 0


def _plain_axes(array: Any, path: Path) -> str:
    """Returns the axes of an array whose format does not name them."""
    if array.ndim not in (2, 3):
        raise ValueError(
            f"`source` must have shape (height, width) or (height, width, channels). {path} has "
            f"{array.shape}."
        )
    return "yxc"[: array.ndim]


def _from_zarr(path: Path) -> ImageSource:
    zarr = import_extra("zarr", "stores")
    with readable(path):
        node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None) or ()
        are_named = set(names) >= {"y", "x"} and all(names)
        axes = "".join(name[0] for name in names) if are_named else _plain_axes(node, path)
        return ImageSource(node, axes, path)
    multiscales = (node.attrs.get("ome") or node.attrs).get("multiscales")
    if not multiscales:
        raise ValueError(
            f"`source` must be an array or an OME-Zarr image. {path} is a group of "
            f"{', '.join(sorted(node.keys())) or 'nothing'}: name one of them."
        )
    level, axes, scale, units = finest_level(multiscales)
    y, x = axes.index("y"), axes.index("x")
    return ImageSource(node[level], axes, path / level, (scale[y], scale[x]), units[y], ome=True)


def _from_tiff(path: Path) -> ImageSource:
    tifffile = import_extra("tifffile", "stores")
    with readable(path), tifffile.TiffFile(path) as file:
        finest = file.series[0].levels[0]
        axes, resolution = finest.axes.lower(), finest.keyframe.get_resolution("micrometer")
        unit = finest.keyframe.tags.get("ResolutionUnit")
        # 2 is inch, 3 is centimetre.
        has_scale = unit is not None and unit.value in (2, 3) and all(resolution)
    if "c" not in axes:
        axes = axes.replace("s", "c")  # samples of a pixel: red, green and blue
    try:
        array = _Mapped(functools.partial(tifffile.memmap, path, mode="r"))
    except ValueError:  # compressed, or in pieces
        with readable(path):
            store = tifffile.imread(path, aszarr=True, level=0)
            array = import_extra("zarr", "stores").open_array(store, mode="r")
    if not has_scale:
        return ImageSource(array, axes, path)
    return ImageSource(array, axes, path, (1 / resolution[1], 1 / resolution[0]), "micrometer")
