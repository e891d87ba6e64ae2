"""Sizes, shapes, positions and intensities of instances."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Image
from umbed_keras.segmentation.image_lists import as_images
from umbed_keras.segmentation.measurements.masks import as_mask, pixel_sizes
from umbed_keras.segmentation.measurements.table import Measurements
from umbed_keras.typing import ArrayLike, PathLike

# What is measured, as scikit-image calls it.
_ANY = ("num_pixels", "area", "centroid", "bbox", "equivalent_diameter_area")
_FLAT = (
    "perimeter",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "orientation",
    "solidity",
)
_INTENSITIES = {
    "mean": ndimage.mean,
    "std": ndimage.standard_deviation,
    "min": ndimage.minimum,
    "max": ndimage.maximum,
}


def measure(
    instances: PathLike | ArrayLike,
    image: Image | PathLike | ArrayLike | None = None,
    pixel_size: float | Mapping[str, float] | None = None,
    unit: str | None = None,
    mask: PathLike | ArrayLike | None = None,
    properties: Sequence[str] = (),
    axes: str | None = None,
) -> Measurements:
    """Measures the size, shape, position and intensities of instances.

    The numbers are those of `skimage.measure.regionprops_table`, in physical units where the size
    of a pixel is known. Each time of a series is measured by itself.

    Args:
        instances: integers, the number of the instance of each pixel, 0 outside, as from
            `umbed_keras.segmentation.instances`; or the path of a file of them.
        image: the image, of which intensities are measured, and of which axes, pixel size and unit
            are taken: an `umbed_keras.Image`, a path, or an array. Pixels without data do not count
            in intensities.
        pixel_size: size of a pixel along every axis, or axis to size; None takes the image's where
            it is known, or 1.
        unit: unit of `pixel_size`; None takes the image's.
        mask: integers, the class of each pixel, or the path of a file of them; adds the class of
            each instance.
        properties: further properties of `regionprops_table` that need no intensities, such as
            `"euler_number"`.
        axes: axes of arrays and of files that do not name theirs, such as `"zyx"`.

    Returns:
        `Measurements`, a dictionary of columns, with one row for each instance (and time):
        `label`, and `class` and `t` where there are any; `unit`; `num_pixels`; `area`, or `volume`
        with z; `centroid_y` and the like, in `unit`; `bbox_min_y`, `bbox_max_y` and the like, in
        pixels, of which the last lies outside; `equivalent_diameter`; for instances in planes also
        `perimeter` (NaN where pixels are no squares), `axis_major_length`, `axis_minor_length`,
        `eccentricity`, `orientation` and `solidity`; `intensity_mean`, `_std`, `_min` and `_max`,
        each followed by the name or number of the channel where there are several.

    Raises:
        TypeError: if `instances`, `image` or `mask` hold no numbers.
        ValueError: if they differ in size, `instances` or `mask` hold numbers that are no integers
            or negative instances, or `axes` does not fit.
        ImportError: if scikit-image is not installed.

    Examples:
        >>> cells = np.zeros((8, 9), int)
        >>> cells[1:4, 1:5], cells[5:7, 6:8] = 1, 2
        >>> table = uk.segmentation.measure(cells, image=cells * 10, pixel_size=0.5, unit="um")
        >>> table["area"].tolist(), table["unit"].tolist()
        ([3.0, 1.0], ['um', 'um'])
        >>> table["centroid_y"].tolist(), table["bbox_max_x"].tolist()
        ([1.0, 2.75], [5, 8])
        >>> table["intensity_mean"].tolist()
        [10.0, 20.0]
    """
    picture = None if image is None else as_images(image, axes)[0][0]
    letters = axes if picture is None else picture.axes
    numbers, letters = as_mask(instances, letters, "instances")
    if numbers.size and numbers.min() < 0:
        raise ValueError(f"`instances` must be at least 0. Received: {numbers.min()}")
    classes = None if mask is None else as_mask(mask, letters, "mask")[0]
    shape = tuple(picture.sizes[axis] for axis in letters) if picture else numbers.shape
    for other in (shape, numbers.shape if classes is None else classes.shape):
        if other != numbers.shape:
            raise ValueError(
                "`instances`, `image` and `mask` must have the same sizes. "
                f"Received: {numbers.shape} and {other}"
            )
    known = {} if picture is None else picture.pixel_size
    if pixel_size is None and set(letters.replace("t", "")) <= set(known):
        pixel_size, unit = known, unit or (picture.unit if picture else None)
    unit = unit or ("pixel" if pixel_size is None else "unknown")
    sizes = pixel_sizes(pixel_size, letters)
    time, tables = letters.find("t"), []
    for index in range(numbers.shape[time] if time >= 0 else 1):
        frame = (slice(None),) * time + (index,) if time >= 0 else (...,)
        own = None if classes is None else classes[frame]
        table = _measured(numbers[frame], own, sizes, properties)
        if time >= 0:
            table = {"t": np.full(len(table["label"]), index), **table}
        if picture is not None:
            table |= _intensities(numbers[frame], picture, letters, index)
        tables.append(table)
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    front = {name: joined.pop(name) for name in ("label", "class", "t") if name in joined}
    return Measurements({**front, "unit": np.full(len(front["label"]), unit), **joined})


def _measured(
    numbers: np.ndarray,
    classes: np.ndarray | None,
    sizes: Mapping[str, float],
    properties: Sequence[str],
) -> dict[str, np.ndarray]:
    """The columns of one time."""
    regionprops_table = import_extra("skimage.measure", "segmentation").regionprops_table
    labels, dense = _dense(numbers)
    spacing, letters = tuple(sizes.values()), "".join(sizes)
    wanted = [*_ANY, *(_FLAT if len(letters) == 2 else ()), *properties]
    square = len(set(spacing)) == 1
    if not square:  # of which scikit-image measures no perimeter
        wanted = [name for name in wanted if not name.startswith("perimeter")]
    wanted = list(dict.fromkeys(wanted))
    with warnings.catch_warnings():
        # Hulls of instances of a pixel or two.
        warnings.filterwarnings("ignore", message="Failed to get convex hull")
        table = regionprops_table(dense, properties=tuple(wanted), spacing=spacing)
    columns = {"label": labels}
    if classes is not None:
        columns["class"] = _commonest(dense, classes, len(labels))
    for name, values in table.items():
        columns[_column_name(name, letters)] = np.asarray(values)
    if len(letters) == 2 and not square:
        columns["perimeter"] = np.full(len(labels), np.nan)
    return columns


def _column_name(name: str, letters: str) -> str:
    """The name of a column, with the letter of an axis in place of its number."""
    stem, _, number = name.partition("-")
    if stem == "bbox":
        side, axis = divmod(int(number), len(letters))
        return f"bbox_{('min', 'max')[side]}_{letters[axis]}"
    if stem == "centroid":
        return f"centroid_{letters[int(number)]}"
    if stem == "area" and len(letters) == 3:
        return "volume"
    return "equivalent_diameter" if stem == "equivalent_diameter_area" else name


def _dense(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the instances, and an array of 1, 2, ... in their place."""
    values, dense = np.unique(numbers, return_inverse=True)
    dense = dense.reshape(numbers.shape).astype("int32")
    if len(values) and values[0] == 0:
        return values[1:], dense
    return values, dense + 1


def _commonest(dense: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """The class that most pixels of each instance have."""
    inside = dense > 0
    values, own = np.unique(classes[inside], return_inverse=True)
    table = np.zeros((count, max(1, len(values))), int)
    np.add.at(table, (dense[inside] - 1, own.ravel()), 1)
    return values[table.argmax(axis=1)] if count else np.zeros(0, int)


def _intensities(
    numbers: np.ndarray, image: Image, letters: str, time: int
) -> dict[str, np.ndarray]:
    """Statistics of each channel in the instances of one time."""
    labels, dense = _dense(numbers)
    order = [axis for axis in letters if axis != "t"]
    planes = [
        plane
        for plane in image.planes()
        if dict(zip(image.plane_axes, plane, strict=True)).get("t", time) == time
    ]
    flat = [axis for axis in order if axis != "z"]
    valid, values = [], []
    for plane in planes:
        window = image.read(plane=plane)
        known = image.valid(plane=plane, window=window)
        turned = flat == ["x", "y"]
        valid.append(known.T if turned else known)
        values.append(window.swapaxes(0, 1) if turned else window)
    if "z" in order:
        depth = order.index("z")
        valid, values = (np.stack(part, axis=depth) for part in (valid, values))
    else:
        valid, values = valid[0], values[0]
    inside = np.where(valid, dense, 0)
    index = np.arange(1, len(labels) + 1)
    without = np.bincount(inside.ravel(), minlength=len(labels) + 1)[1:] == 0
    names, columns = _channel_names(image), {}
    for number, name in enumerate(names):
        ending = f"_{name}" if len(names) > 1 else ""
        for statistic, function in _INTENSITIES.items():
            with np.errstate(invalid="ignore", divide="ignore"):
                result = np.asarray(function(values[..., number], inside, index), "float64")
            columns[f"intensity_{statistic}{ending}"] = np.where(without, np.nan, result)
    return columns


def _channel_names(image: Image) -> list[str]:
    """The names of the channels, the colours or the numbers where there are none."""
    names = image.channel_names
    if len(names) != image.sizes.get("c", 1):
        colors = ("red", "green", "blue") if image.is_rgb else ()
        names = [*colors, *map(str, range(len(colors), image.sizes.get("c", 1)))]
    return [names[channel] for channel in image.channels]
