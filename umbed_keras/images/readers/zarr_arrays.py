"""Zarr arrays and OME-Zarr images, by zarr."""

from typing import Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.views import NamedErrors

MARKS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(location: Location) -> bool:
    """Returns whether a folder is a Zarr array or group.

    Args:
        location: location of the folder.

    Examples:
        >>> is_zarr(Location("."))
        False
    """
    return any((location / mark).exists() for mark in MARKS)


def read_zarr(
    location: Location, axes: str | None = None, series: str | None = None, level: int = 0
) -> Image:
    """Opens a Zarr array or an OME-Zarr image, of which windows are read.

    Args:
        location: location of the folder.
        axes: axes of the array, where it does not name its dimensions.
        series: path of an array or image in a group that is no OME-Zarr image.
        level: level of an OME-Zarr image; 0 is the finest.

    Raises:
        ValueError: if there is no Zarr array, or several and `series` names none.
        ImportError: if zarr is not installed.

    Examples:
        >>> import zarr
        >>> array = zarr.create_array("a.zarr", shape=(4, 5), dtype="uint16")
        >>> read_zarr(Location("a.zarr")).shape
        (4, 5)
    """
    zarr = import_extra("zarr", "images")
    try:
        node = zarr.open(location.text, mode="r")
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise ValueError(f"{location} is no Zarr array that can be read: {error}") from error
    if isinstance(node, zarr.Array):
        return _from_array(node, axes, str(location))
    attributes = dict(node.attrs)
    attributes = attributes.get("ome", attributes)
    if "multiscales" in attributes:
        return _from_ome(node, attributes, axes, level, str(location))
    names = sorted(name for name, _ in node.arrays())
    if series is None and len(names) == 1:
        series = names[0]
    if series is None or series not in node:
        groups = sorted(name for name, _ in node.groups())
        raise ValueError(
            f"{location} is a group: say which of its arrays to read, such as "
            f'"{location}/{(names or groups or ["array"])[0]}". It holds {names + groups}.'
        )
    item = node[series]
    if not isinstance(item, zarr.Array):
        return read_zarr(location / series, axes, level=level)
    return _from_array(item, axes, f"{location}/{series}")


def _from_array(array: Any, axes: str | None, name: str) -> Image:
    return Image(NamedErrors(array, name), axes or _dimension_names(array), name=name)


def _from_ome(
    node: Any, attributes: dict[str, Any], axes: str | None, level: int, name: str
) -> Image:
    """A level of an OME-Zarr image, versions 0.1 to 0.5."""
    multiscale = attributes["multiscales"][0]
    datasets = multiscale["datasets"]
    if level not in range(len(datasets)):
        raise ValueError(
            f"`level` must be from 0 to {len(datasets) - 1} for {name}. Received: {level}"
        )
    array = node[datasets[level]["path"]]
    # Before 0.4 axes are names, before 0.3 always these.
    listed = multiscale.get("axes", list("tczyx"))
    listed = [axis if isinstance(axis, dict) else {"name": axis} for axis in listed]
    letters = "".join(str(axis["name"]) for axis in listed)
    scale = np.ones(array.ndim)
    for part in (
        *multiscale.get("coordinateTransformations", ()),
        *datasets[level].get("coordinateTransformations", ()),
    ):
        if part.get("type") == "scale":
            scale = scale * np.asarray(part["scale"], "float64")
    units = {str(axis["name"]): axis.get("unit") for axis in listed}
    has_unit = units.get("x") is not None
    channels = attributes.get("omero", {}).get("channels", [])
    names = tuple(str(channel.get("label", "")) for channel in channels)
    colors = [str(channel.get("color", "")).upper() for channel in channels]
    sizes = dict(zip(letters, array.shape, strict=False))
    details = Details(
        channel_names=names if any(names) and len(names) == sizes.get("c", 1) else (),
        pixel_size={
            axis: float(size) for axis, size in zip(letters, scale, strict=False) if axis in "zyx"
        }
        if has_unit
        else {},
        unit=units.get("x"),
        is_ome=True,
        is_rgb=colors == ["FF0000", "00FF00", "0000FF"] and array.dtype == np.uint8,
    )
    return Image(NamedErrors(array, name), axes or letters, details, name)


def _dimension_names(array: Any) -> str | None:
    """Axes that an array names: of Zarr 3, or as xarray writes them."""
    names = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    if not names or any(not name or str(name).lower() not in "tzcyx" for name in names):
        return None
    return "".join(str(name).lower() for name in names)
