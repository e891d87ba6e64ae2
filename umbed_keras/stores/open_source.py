"""Images on disk, whatever their format, as arrays that are read window by window."""

import functools
import math
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from umbed_keras.extras import import_extra
from umbed_keras.images.image_files import check_channels, image_size, open_image, readable
from umbed_keras.stores.ome import finest_level

TIFFS = (".tif", ".tiff", ".svs", ".ndpi")


class Source:
    """An image on disk as `(height, width, channels)`, whatever the order of its axes.

    Args:
        array: anything with `shape`, `dtype` and slices.
        axes: str, a letter for each axis of the array: y, x, perhaps c; others must be of size 1.
        files: path of the file, or of the folder of files, that the array lies in.
        scale: pair of floats, size of a pixel along y and x.
        unit: str, of `scale`, as OME-Zarr names it; None where it isn't known.
        ome: bool, whether the array is of an OME-Zarr image.

    `reading_bytes` is what reading a window takes beside the window.
    """

    def __init__(self, array, axes, files, scale=(1.0, 1.0), unit=None, ome=False):
        sizes = dict(zip(axes, array.shape, strict=True))
        more = {axis: size for axis, size in sizes.items() if axis not in "yxc" and size > 1}
        if more or not {"y", "x"} <= set(sizes):
            raise ValueError(
                f"`source` must be one image, of axes y, x and perhaps c. {files} has "
                f"{', '.join(f'{axis} of {size}' for axis, size in sizes.items())}."
            )
        self.array, self.axes, self.files = array, axes, Path(files)
        self.scale, self.unit, self.ome = tuple(map(float, scale)), unit, ome
        self.shape = (sizes["y"], sizes["x"], sizes.get("c", 1))
        self.dtype, self.reading_bytes = array.dtype, _reading_bytes(array)

    def __getitem__(self, place):
        chosen = dict(zip("yx", place, strict=True), c=slice(None))
        part = np.asarray(self.array[tuple(chosen.get(axis, 0) for axis in self.axes)])
        kept = [axis for axis in self.axes if axis in chosen]
        if "c" not in kept:
            part, kept = part[..., None], [*kept, "c"]
        return part.transpose([kept.index(axis) for axis in "yxc"])


class Mapped:
    """An array in a file, of which nothing stays in memory between two windows.

    Args:
        open_map: function that gives a memory map.
    """

    def __init__(self, open_map):
        array, self._open = open_map(), open_map
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, place):
        return np.array(self._open()[place])


class Photograph:
    """An image file as `open_image` gives it, decoded when it is first asked for.

    Args:
        path: path.
        channels: int, 1 for grey or 3 for colours, whatever the file has.
    """

    dtype = np.dtype("uint8")

    def __init__(self, path, channels):
        check_channels(channels)
        self.shape = (*image_size(path), channels)
        self._path, self._pixels = path, None

    def __getitem__(self, place):
        if self._pixels is None:
            self._pixels = open_image(self._path, self.shape[2])
        return self._pixels[place]


def open_source(path, channels):
    """The image at a path, as a `Source`.

    Args:
        path: a .npy file; a TIFF; a Zarr array; an OME-Zarr image, of which the finest level is
            taken; or a file that Pillow reads, see `open_image`. Arrays are `(height, width)` or
            `(height, width, channels)` unless the format says otherwise.
        channels: int, of what Pillow reads.

    Raises:
        ValueError: no such image, or a broken one, which is named.
        OSError: no such file, or none that may be read.
        ImportError: TIFF or Zarr without the extra `stores`.
    """
    path, suffix = Path(path), Path(path).suffix.lower()
    if path.is_dir():
        return _from_zarr(path)
    if suffix == ".npy":
        with readable(path):
            array = Mapped(functools.partial(open_memmap, path, mode="r"))
        return Source(array, _plain_axes(array, path), path)
    if suffix in TIFFS:
        return _from_tiff(path)
    return Source(Photograph(path, channels), "yxc", path)


def _reading_bytes(array):
    size = np.dtype(array.dtype).itemsize
    if isinstance(array, Photograph):  # of Pillow's 4 bytes a pixel, decoded and converted; kept
        return math.prod(array.shape[:2]) * (4 + 4 + array.shape[2])
    if hasattr(array, "chunks"):  # Zarr decodes several at once
        return (
            import_extra("zarr", "stores").config.get("async.concurrency")
            * size
            * math.prod(array.chunks)
        )
    return 0


def _plain_axes(array, path):
    if array.ndim not in (2, 3):
        raise ValueError(
            f"`source` must have shape (height, width) or (height, width, channels). {path} has "
            f"{array.shape}."
        )
    return "yxc"[: array.ndim]


def _from_zarr(path):
    zarr = import_extra("zarr", "stores")
    with readable(path):
        node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None) or ()
        known = set(names) >= {"y", "x"} and all(names)
        axes = "".join(name[0] for name in names) if known else _plain_axes(node, path)
        return Source(node, axes, path)
    multiscales = (node.attrs.get("ome") or node.attrs).get("multiscales")
    if not multiscales:
        raise ValueError(
            f"`source` must be an array or an OME-Zarr image. {path} is a group of "
            f"{', '.join(sorted(node.keys())) or 'nothing'}: name one of them."
        )
    place, axes, scale, units = finest_level(multiscales)
    y, x = axes.index("y"), axes.index("x")
    return Source(node[place], axes, path / place, (scale[y], scale[x]), units[y], ome=True)


def _from_tiff(path):
    tifffile = import_extra("tifffile", "stores")
    with readable(path), tifffile.TiffFile(path) as file:
        finest = file.series[0].levels[0]
        axes, resolution = finest.axes.lower(), finest.keyframe.get_resolution("micrometer")
        unit = finest.keyframe.tags.get("ResolutionUnit")
        known = unit is not None and unit.value in (2, 3) and all(resolution)  # inch, centimetre
    if "c" not in axes:
        axes = axes.replace("s", "c")  # samples of a pixel, red, green and blue
    try:
        array = Mapped(functools.partial(tifffile.memmap, path, mode="r"))
    except ValueError:  # compressed, or in pieces
        with readable(path):
            store = tifffile.imread(path, aszarr=True, level=0)
            array = import_extra("zarr", "stores").open_array(store, mode="r")
    if not known:
        return Source(array, axes, path)
    return Source(array, axes, path, (1 / resolution[1], 1 / resolution[0]), "micrometer")
