"""An image with its axes, whose windows are read when they are asked for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from umbed_keras.typing import ArrayLike

# The meaning of an axis: time, depth, channel, row, column.
AXES = "tzcyx"
# Zarr decodes so many chunks at once.
_CHUNKS_AT_ONCE = 10
# The axes along which an image is a stack of planes.
PLANE_AXES = "tz"


@dataclass(frozen=True)
class Georeference:
    """The position of an image on the earth.

    Attributes:
        crs: coordinate reference system, as text that rasterio reads (WKT), or None.
        transform: the six coefficients `(a, b, c, d, e, f)` of the affine map from columns and
            rows to coordinates, x = a col + b row + c and y = d col + e row + f.

    Examples:
        >>> Georeference("EPSG:32633", (10.0, 0.0, 5e5, 0.0, -10.0, 4e6)).crs
        'EPSG:32633'
    """

    crs: str | None
    transform: tuple[float, ...]


@dataclass(frozen=True)
class Details:
    """What a file says of an image beside its numbers.

    Attributes:
        channel_names: name of each channel, in order, or an empty tuple.
        pixel_size: axis to size of a pixel in `unit`, for those of `"z"`, `"y"` and `"x"` that
            are known.
        unit: unit of `pixel_size`, such as `"micrometer"`, or None.
        nodata: number that marks pixels without data, or None.
        is_rgb: whether the first three channels are red, green and blue.
        alpha: index of the channel that holds opacity, or None.
        display_range: numbers that the file asks to show as black and white (the window of a
            DICOM file), or None.
        georeference: position on the earth, or None.
        is_ome: whether the file is OME-Zarr.
        mask: function of slices of rows and columns that returns a boolean array, True where
            there are data, or None where a file has no mask of its own.

    Examples:
        >>> Details(pixel_size={"y": 0.5, "x": 0.5}, unit="micrometer").unit
        'micrometer'
    """

    channel_names: tuple[str, ...] = ()
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    unit: str | None = None
    nodata: float | None = None
    is_rgb: bool = False
    alpha: int | None = None
    display_range: tuple[float, float] | None = None
    georeference: Georeference | None = None
    is_ome: bool = False
    mask: Callable[[slice, slice], np.ndarray] | None = None


class Image:
    """An image of one or several channels and planes, on disk or in memory.

    Nothing is read before it is asked for. Indexing gives windows in the image's own numbers, and
    `numpy.asarray(image)` all of it. `read_image` makes one of a file.

    Args:
        data: array, or anything with `shape`, `dtype` and indexing by slices and integers
            (memory maps, Zarr arrays, h5py datasets).
        axes: one letter an axis of `data`, from `"t"` (time), `"z"` (depth), `"c"` (channel),
            `"y"` (row) and `"x"` (column), such as `"yx"`, `"yxc"` or `"zcyx"`. None takes `"yx"`
            for two axes and `"yxc"` for three of which the last has at most 4 entries; any other
            shape has no one meaning.
        details: what is known beside the numbers. None takes three channels in the last axis for
            red, green and blue, and four of 8 bits for these and opacity.
        name: name in messages, such as a path.

    Raises:
        ValueError: if `axes` does not fit the shape of `data`, or is None where the shape has no
            one meaning.

    Examples:
        >>> image = uk.Image(np.arange(24).reshape(2, 3, 4), axes="cyx")
        >>> image.shape, image.axes, image.num_channels
        ((2, 3, 4), 'cyx', 2)
        >>> image[1, :2, :2].tolist()
        [[12, 13], [16, 17]]
    """

    def __init__(
        self,
        data: Any,
        axes: str | None = None,
        details: Details | None = None,
        name: str = "the image",
    ):
        if not (hasattr(data, "shape") and hasattr(data, "dtype")):
            data = np.asarray(data)
        self._data = data
        self.name = str(name)
        self.axes = checked_axes(axes, tuple(data.shape), self.name)
        self.details = _colors(self.axes, data) if details is None else details

    def __repr__(self) -> str:
        sizes = ", ".join(f"{axis}: {size}" for axis, size in self.sizes.items())
        return f"Image({self.name!r}, {sizes}, dtype={self.dtype})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis, in the order of `axes`."""
        return tuple(int(size) for size in self._data.shape)

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers, in the byte order of this machine."""
        return np.dtype(self._data.dtype).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.axes)

    @property
    def sizes(self) -> dict[str, int]:
        """Axis to size."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def height(self) -> int:
        """The number of rows."""
        return self.sizes["y"]

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.sizes["x"]

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The name of each channel, or an empty tuple where there are none."""
        return self.details.channel_names

    @property
    def pixel_size(self) -> dict[str, float]:
        """Axis to size of a pixel in `unit`, for the axes of which it is known."""
        return dict(self.details.pixel_size)

    @property
    def unit(self) -> str | None:
        """The unit of `pixel_size`, or None."""
        return self.details.unit

    @property
    def nodata(self) -> float | None:
        """The number that marks pixels without data, or None."""
        return self.details.nodata

    @property
    def is_rgb(self) -> bool:
        """Whether the first three channels are red, green and blue."""
        return self.details.is_rgb

    @property
    def georeference(self) -> Georeference | None:
        """The position on the earth, or None."""
        return self.details.georeference

    @property
    def is_ome(self) -> bool:
        """Whether the file is OME-Zarr."""
        return self.details.is_ome

    @property
    def channels(self) -> tuple[int, ...]:
        """The indices of the channels that hold intensities: all but opacity."""
        count = self.sizes.get("c", 1)
        return tuple(index for index in range(count) if index != self.details.alpha)

    @property
    def num_channels(self) -> int:
        """The number of channels that hold intensities."""
        return len(self.channels)

    @property
    def plane_axes(self) -> str:
        """The axes along which the image is a stack of planes: some of `"t"` and `"z"`."""
        return "".join(axis for axis in self.axes if axis in PLANE_AXES)

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """The sizes of `plane_axes`; `()` for an image of one plane."""
        return tuple(self.sizes[axis] for axis in self.plane_axes)

    @property
    def num_planes(self) -> int:
        """The number of planes."""
        return math.prod(self.plane_shape)

    @property
    def reading_bytes(self) -> int:
        """About how many bytes reading a window takes beside the window itself."""
        chunks = getattr(self._data, "chunks", None)
        if isinstance(self._data, np.ndarray) and not isinstance(self._data, np.memmap):
            return self._data.nbytes  # decoded as a whole
        return _CHUNKS_AT_ONCE * self.dtype.itemsize * math.prod(chunks) if chunks else 0

    def planes(self) -> Iterator[tuple[int, ...]]:
        """Yields the index of each plane along `plane_axes`."""
        return iter(np.ndindex(*self.plane_shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(self._data[index]).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self[...]
        if copy and np.shares_memory(array, self._data):
            array = array.copy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def read(
        self,
        rows: slice | None = None,
        cols: slice | None = None,
        plane: tuple[int, ...] = (),
        channels: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Reads a window of a plane, channels last.

        Args:
            rows, cols: slices without a step; None reads all.
            plane: index along `plane_axes`.
            channels: indices of the channels to read, in any order; None reads those that hold
                intensities.

        Returns:
            NumPy array `(rows, cols, channels)` in the image's own numbers.

        Raises:
            ValueError: if `plane` does not have one index for each of `plane_axes`.
        """
        if len(plane) != len(self.plane_axes):
            raise ValueError(
                f"`plane` must hold an index for each of the axes {self.plane_axes!r} of "
                f"{self.name}. Received: {plane}"
            )
        wanted = self.channels if channels is None else tuple(channels)
        position = dict(zip(self.plane_axes, plane, strict=True))
        position |= {"y": rows or slice(None), "x": cols or slice(None), "c": slice(None)}
        window = self[tuple(position[axis] for axis in self.axes)]
        left = [axis for axis in self.axes if axis not in PLANE_AXES]
        if "c" not in left:
            window, left = window[..., None], [*left, "c"]
        window = window.transpose([left.index(axis) for axis in "yxc"])
        if wanted != tuple(range(window.shape[2])):
            window = window[..., list(wanted)]
        return window

    def valid(
        self,
        rows: slice | None = None,
        cols: slice | None = None,
        plane: tuple[int, ...] = (),
        window: np.ndarray | None = None,
    ) -> np.ndarray:
        """Tells which pixels of a window hold data.

        A pixel holds none where one of its channels is NaN or infinite, where all of them are
        `nodata`, where it is fully transparent, and where the file's own mask says so.

        Args:
            rows, cols, plane: as in `read`.
            window: what `read` returned for them, to save reading it again.

        Returns:
            Boolean array `(rows, cols)`.
        """
        window = self.read(rows, cols, plane) if window is None else window
        valid = np.ones(window.shape[:2], bool)
        if window.dtype.kind in "fc":
            valid &= np.isfinite(window).all(axis=-1)
        if self.nodata is not None and not np.isnan(self.nodata):
            valid &= (window != self.nodata).any(axis=-1)
        if self.details.alpha is not None:
            valid &= self.read(rows, cols, plane, (self.details.alpha,))[..., 0] != 0
        if self.details.mask is not None:
            valid &= self.details.mask(rows or slice(None), cols or slice(None))
        return valid


def checked_axes(axes: str | None, shape: tuple[int, ...], name: str) -> str:
    """Returns the axes of a shape, those given or the only ones that it can mean.

    Args:
        axes: letters from `AXES`, or None.
        shape: sizes.
        name: name of the image in messages.

    Raises:
        ValueError: if `axes` names other axes than the shape has, none of rows and columns, or an
            axis twice; or if it is None and the shape has no one meaning.

    Examples:
        >>> checked_axes(None, (480, 640, 3), "photo.npy")
        'yxc'
        >>> checked_axes("ZYX", (31, 61, 57), "stack.npy")
        'zyx'
    """
    if axes is None:
        if len(shape) == 2:
            return "yx"
        if len(shape) == 3 and shape[2] <= 4:
            return "yxc"
        # Few entries in the last axis are colours, as in a photograph.
        colours = bool(shape) and shape[-1] <= 4
        examples = {4: "zyxc", 5: "tzyxc"} if colours else {3: "zyx", 4: "zcyx", 5: "tzcyx"}
        example = examples.get(len(shape), "yxc")
        raise ValueError(
            f"{name} has the shape {shape}, which has no one meaning: say which axes it has, such "
            f'as axes="{example}" (t: time, z: depth, c: channel, y: row, x: column).'
        )
    letters = str(axes).lower()
    if len(letters) != len(shape):
        raise ValueError(
            f"`axes` must have {len(shape)} letters for the shape {shape} of {name}. "
            f"Received: {axes!r}"
        )
    proper = len(set(letters)) == len(letters) and set("yx") <= set(letters) <= set(AXES)
    if not proper:
        raise ValueError(
            f"`axes` must name rows (y) and columns (x), and each of {', '.join(AXES)} at most "
            f"once. Received: {axes!r} for {name} of shape {shape}"
        )
    return letters


def _colors(axes: str, data: Any) -> Details:
    """What channels are by custom where nothing is said: colours, if they come last."""
    if axes.endswith("c") and data.shape[-1] == 3:
        return Details(is_rgb=True)
    if axes.endswith("c") and data.shape[-1] == 4 and data.dtype == np.uint8:
        return Details(is_rgb=True, alpha=3)
    return Details()


def as_image(image: "Image | ArrayLike", axes: str | None = None) -> Image:
    """Returns an `Image`: as it is, or made of an array.

    Args:
        image: `Image`, array, or anything with `shape`, `dtype` and indexing.
        axes: as in `Image`, for arrays.

    Examples:
        >>> as_image(np.zeros((8, 9))).axes
        'yx'
    """
    return image if isinstance(image, Image) else Image(image, axes)
