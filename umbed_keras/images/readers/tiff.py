"""TIFF files of every kind, by tifffile with imagecodecs."""

import contextlib
import re
from typing import Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.views import Mapped, Turned, full_index

# Kinds of files whose first series is the image, and whose others are previews.
_SLIDES = ("svs", "ndpi", "scn", "qpi", "bif", "philips", "ventana", "avs", "eer")
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


def read_tiff(
    location: Location,
    axes: str | None = None,
    series: int | str | None = None,
    level: int = 0,
    expand: bool = True,
) -> Image:
    """Opens a TIFF file: OME, ImageJ, BigTIFF, LSM, GeoTIFF, slides and plain ones.

    Args:
        location: location of the file.
        axes: axes of the series, where the file does not name them.
        series: index or name of one of several images in the file.
        level: level of a pyramid; 0 is the finest.
        expand: whether palettes, inks and inverted grey become plain colours. False gives the
            numbers as they are stored, as for images of class numbers.

    Raises:
        ValueError: if the file holds several images and `series` names none, or axes that have
            no one meaning.
        ImportError: if tifffile is not installed.

    Examples:
        >>> import tifffile
        >>> tifffile.imwrite("stack.tif", np.zeros((2, 4, 5), "uint16"), imagej=True)
        >>> read_tiff(Location("stack.tif"), axes="zyx").sizes
        {'z': 2, 'y': 4, 'x': 5}
    """
    tifffile = import_extra("tifffile", "images")
    file = tifffile.TiffFile(location.handle())
    chosen = _chosen(file, series, str(location))
    if level not in range(len(chosen.levels)):
        raise ValueError(
            f"`level` must be from 0 to {len(chosen.levels) - 1} for {location}. Received: {level}"
        )
    page = chosen.keyframe
    if _needs_pillow(page):
        file.close()
        from umbed_keras.images.readers.pillow import read_pillow

        return read_pillow(location, axes)
    data, letters = _numbers(chosen, level)
    is_rgb = False
    if expand:
        data, letters, is_rgb = _colours(data, letters, page)
    letters = _named(letters, data.shape)
    data, letters = _squeezed(data, letters, axes)
    orientation = int(getattr(page.tags.get("Orientation"), "value", 1))
    given = axes or _given(letters, data.shape, str(location))
    if orientation in range(2, 9) and set("yx") <= set(given):
        data = Turned(data, given, orientation)
    details = _details(file, chosen, page, given, dict(zip(given, data.shape, strict=False)))
    details = {**details, "is_rgb": is_rgb}
    details |= _geography(file, page, location)
    return Image(data, given, Details(**details), str(location))


def _chosen(file: Any, series: int | str | None, name: str) -> Any:
    """The series that is asked for, or the only one that is no preview."""
    every = file.series
    if series is not None:
        names = [part.name for part in every]
        if isinstance(series, str) and series in names:
            return every[names.index(series)]
        if not isinstance(series, str) and series in range(len(every)):
            return every[series]
    images = [part for part in every if not (part.keyframe.is_reduced or part.keyframe.is_mask)]
    if series is None:
        if len(images) == 1 or (images and images[0].kind in _SLIDES):
            return images[0]
        if len(every) == 1:
            return every[0]
    listed = "; ".join(
        f"{index} ({part.name or 'unnamed'}: {part.axes.lower()} {part.shape})"
        for index, part in enumerate(every)
    )
    raise ValueError(
        f"{name} holds several images: say which by `series`, an index or a name. "
        f"Received: series={series!r}; there are {listed}"
    )


def _needs_pillow(page: Any) -> bool:
    """Whether colours are coded in a way that tifffile leaves to others."""
    subsampled = page.photometric == 6 and page.compression not in (6, 7, 33003, 33005, 34712)
    return page.photometric == 8 or subsampled


def _numbers(series: Any, level: int) -> tuple[Any, str]:
    """The numbers of a level, read by windows, and tifffile's letters for their axes."""
    chosen = series.levels[level]
    letters = chosen.axes
    memory_mapped = (
        level == 0
        and chosen.dataoffset is not None
        and not chosen.is_truncated
        and chosen.parent is not None
        and isinstance(getattr(chosen.parent.filehandle, "path", None), str)
        and chosen.parent.filehandle.is_file
    )
    if memory_mapped:
        return chosen.parent.filehandle.memmap_array(
            chosen.parent.byteorder + chosen.dtype.char, chosen.shape, offset=chosen.dataoffset
        ), letters
    try:
        import zarr
    except ImportError:
        return chosen.asarray(), letters
    array = zarr.open(chosen.aszarr(), mode="r")
    return (array if hasattr(array, "shape") else array["0"]), letters


def _colours(data: Any, letters: str, page: Any) -> tuple[Any, str, bool]:
    """Numbers whose colours are plain: palettes, inverted grey and inks are converted.

    Returns:
        The data, their letters, and whether the first three samples are red, green and blue.
    """
    photometric = int(page.photometric)
    if photometric == 3 and page.colormap is not None:
        table = np.asarray(page.colormap).T
        # Tables are of 16 bits; most were made from 8.
        if data.dtype.itemsize == 1 or not (table % 257).any():
            table = (table // 257 if not (table % 257).any() else table // 256).astype("uint8")
        return (
            Mapped(data, lambda window: table[window], channels=3, dtype=table.dtype),
            (letters + "S"),
            True,
        )
    # Masks of one bit are written so, too, and mean what they say.
    if photometric == 0 and data.dtype.kind == "u":
        most = 2**page.bitspersample - 1
        return Mapped(data, lambda window: (most - window).astype(window.dtype)), letters, False
    if photometric == 5 and letters.endswith("S") and data.shape[-1] == 4:
        most = np.iinfo(data.dtype).max

        def from_inks(window: np.ndarray) -> np.ndarray:
            light = most - window.astype("float64")
            return np.rint(light[..., :3] * light[..., 3:] / most)

        mapped = Mapped(data, from_inks, takes_channels=True, channels=3, dtype=data.dtype)
        return mapped, letters, True
    return data, letters, photometric in (2, 6) and page.samplesperpixel >= 3


def _named(letters: str, shape: tuple[int, ...]) -> str:
    """Our letters for tifffile's; what has no meaning here keeps its letter."""
    letters = letters.lower()
    if "c" in letters and "s" in letters:
        sizes = dict(zip(letters, shape, strict=True))
        # Of a channel with samples, or of channels with one sample each.
        letters = letters.replace("c", "q") if sizes["c"] == 1 else letters
        if sizes.get("s") == 1:
            letters = letters.replace("s", "q")
    if "c" not in letters:
        letters = letters.replace("s", "c")
    return letters


def _squeezed(data: Any, letters: str, axes: str | None) -> tuple[Any, str]:
    """The data without axes of one entry that have no meaning."""
    dropped = [
        position
        for position, (letter, size) in enumerate(zip(letters, data.shape, strict=True))
        if letter not in "tzcyx" and size == 1
    ]
    if not dropped or (axes is not None and len(axes) == len(data.shape)):
        return data, letters
    kept = "".join(letter for place, letter in enumerate(letters) if place not in dropped)
    return _Squeezed(data, dropped), kept


class _Squeezed:
    """An array without some axes of one entry."""

    def __init__(self, data: Any, dropped: list[int]):
        self._data, self._dropped, self.dtype = data, dropped, np.dtype(data.dtype)
        self.shape = tuple(
            size for position, size in enumerate(data.shape) if position not in dropped
        )

    def __getitem__(self, index: Any) -> np.ndarray:
        entries = iter(full_index(index, len(self.shape)))
        rank = len(self.shape) + len(self._dropped)
        return np.asarray(
            self._data[tuple(0 if at in self._dropped else next(entries) for at in range(rank))]
        )


def _given(letters: str, shape: tuple[int, ...], name: str) -> str:
    """The axes that a file names; ValueError where they have no one meaning."""
    unknown = [letter for letter in letters if letter not in "tzcyx"]
    if unknown or len(set(letters)) < len(letters):
        example = {3: "zyx", 4: "zcyx", 5: "tzcyx"}.get(len(shape), "yxc")
        raise ValueError(
            f"{name} has the shape {shape} with axes {letters!r}, which have no one meaning: say "
            f'which they are, such as axes="{example}" (t: time, z: depth, c: channel, y: row, '
            "x: column)."
        )
    return letters


def _details(file: Any, series: Any, page: Any, axes: str, sizes: dict[str, int]) -> dict[str, Any]:
    """What the file says of its pixels: sizes, unit, names of channels, opacity, nodata."""
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
    extra = [int(kind) for kind in page.extrasamples]
    alphas = [index for index, kind in enumerate(extra) if kind in (1, 2)]
    if alphas and "c" in sizes:
        details["alpha"] = page.samplesperpixel - len(extra) + alphas[-1]
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


def _geography(file: Any, page: Any, location: Location) -> dict[str, Any]:
    """Georeference and mask of a GeoTIFF, by rasterio where it is installed."""
    names = ("ModelPixelScaleTag", "ModelTransformationTag", "GDAL_NODATA")
    if not any(name in page.tags for name in names):
        return {}
    from umbed_keras.images.readers.geotiff import geography

    return geography(location)
