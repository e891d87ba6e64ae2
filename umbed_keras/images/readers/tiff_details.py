"""What a TIFF file says of its pixels: sizes, names of channels, opacity, nodata."""

import contextlib
import re
from typing import Any

from umbed_keras.extras import import_extra

# Units of OME-XML and ImageJ that have a longer name.
_UNITS = {
    "µm": "micrometer",
    "\\u00B5m": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "nm": "nanometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
# Unit of TIFF's resolution (inch, centimetre) to micrometres.
_MICROMETERS = {2: 25400.0, 3: 10000.0}
# Micrometres above which a pixel is one of a print or a screen: 2540 dots an inch.
_PRINTED = 10.0


def tiff_details(file: Any, series: Any, axes: str, sizes: dict[str, int]) -> dict[str, Any]:
    """Returns what a TIFF file says of its pixels.

    Args:
        file: `tifffile.TiffFile`.
        series: `tifffile.TiffPageSeries`.
        axes: axes of the image.
        sizes: axis to size.

    Returns:
        Entries of `umbed_keras.images.image.Details`.

    Examples:
        >>> import tifffile
        >>> tifffile.imwrite("a.tif", np.zeros((4, 5, 2), "uint8"), extrasamples=["unassalpha"])
        >>> with tifffile.TiffFile("a.tif") as file:
        ...     tiff_details(file, file.series[0], "yxc", {"y": 4, "x": 5, "c": 2})["alpha"]
        1
    """
    page = series.keyframe
    details: dict[str, Any] = {}
    if file.is_ome:
        details |= _from_ome(file, series)
    elif file.is_imagej:
        details |= _from_imagej(file, page)
    elif file.is_lsm:
        known = file.lsm_metadata or {}
        metres = {axis: known.get(f"VoxelSize{axis.upper()}") for axis in "zyx"}
        details["pixel_size"] = {axis: 1e6 * size for axis, size in metres.items() if size}
        details["unit"] = "micrometer"
    elif file.is_svs and (mpp := re.search(r"MPP = ([\d.]+)", page.description)):
        details |= {"pixel_size": dict.fromkeys("yx", float(mpp[1])), "unit": "micrometer"}
    else:
        details |= _from_resolution(page)
    extra = [int(kind) for kind in page.extrasamples]
    alphas = [index for index, kind in enumerate(extra) if kind in (1, 2)]
    if alphas and "c" in sizes:
        details["alpha"] = sizes["c"] - len(extra) + alphas[-1]
    tag = page.tags.get("GDAL_NODATA")
    if tag is not None:
        text = str(tag.value).strip().strip("\0")
        with contextlib.suppress(ValueError):
            details["nodata"] = float(text)
    names = details.get("channel_names", ())
    if names and len(names) != sizes.get("c", 1):
        details["channel_names"] = ()
    details["pixel_size"] = {
        axis: size for axis, size in details.get("pixel_size", {}).items() if axis in axes
    }
    return details


def _from_ome(file: Any, series: Any) -> dict[str, Any]:
    """Sizes of pixels and names of channels of OME-XML."""
    tifffile = import_extra("tifffile", "images")
    known = tifffile.xml2dict(file.ome_metadata).get("OME", {})
    images = known.get("Image", [])
    images = images if isinstance(images, list) else [images]
    number = file.series.index(series)
    if number >= len(images):
        return {}
    pixels = images[number].get("Pixels", {})
    sizes = {
        axis: float(pixels[f"PhysicalSize{axis.upper()}"])
        for axis in "zyx"
        if pixels.get(f"PhysicalSize{axis.upper()}")
    }
    unit = str(pixels.get("PhysicalSizeXUnit", "µm"))
    channels = pixels.get("Channel", [])
    channels = channels if isinstance(channels, list) else [channels]
    names = tuple(str(channel.get("Name", "")) for channel in channels)
    return {
        "pixel_size": sizes,
        "unit": _UNITS.get(unit, unit) if sizes else None,
        "channel_names": names if any(names) else (),
    }


def _from_imagej(file: Any, page: Any) -> dict[str, Any]:
    """Sizes of pixels of ImageJ's description."""
    known = file.imagej_metadata or {}
    unit = str(known.get("unit", "")).strip()
    if not unit or unit == "pixel":
        return {}
    sizes = {}
    for axis, name in (("y", "YResolution"), ("x", "XResolution")):
        tag = page.tags.get(name)
        if tag is not None and tag.value[0]:
            sizes[axis] = tag.value[1] / tag.value[0]
    if known.get("spacing"):
        sizes["z"] = float(known["spacing"])
    return {"pixel_size": sizes, "unit": _UNITS.get(unit, unit)}


def _from_resolution(page: Any) -> dict[str, Any]:
    """Sizes of pixels of the tags of TIFF, unless they are those of a print."""
    unit = page.tags.get("ResolutionUnit")
    scale = _MICROMETERS.get(int(unit.value)) if unit is not None else None
    sizes = {}
    for axis, name in (("y", "YResolution"), ("x", "XResolution")):
        tag = page.tags.get(name)
        if scale is not None and tag is not None and tag.value[0]:
            sizes[axis] = scale * tag.value[1] / tag.value[0]
    if len(sizes) < 2 or max(sizes.values()) > _PRINTED:
        return {}
    return {"pixel_size": sizes, "unit": "micrometer"}
