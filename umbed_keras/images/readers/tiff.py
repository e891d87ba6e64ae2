"""TIFF files of every kind, by tifffile with imagecodecs."""

from typing import Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.tiff_colours import needs_pillow, plain_colours
from umbed_keras.images.readers.tiff_details import tiff_details
from umbed_keras.images.readers.views import NamedErrors, Turned, full_index

# Kinds of files whose first series is the image, and whose others are previews.
_SLIDES = ("svs", "ndpi", "scn", "qpi", "bif", "philips", "ventana", "avs", "eer")


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
    if needs_pillow(page):
        file.close()
        from umbed_keras.images.readers.pillow import read_pillow

        return read_pillow(location, axes, is_tiff=True)
    data, letters = _numbers(chosen, level, str(location))
    is_rgb = False
    if expand:
        rank = len(letters)
        data, letters, is_rgb = plain_colours(data, letters, page, str(location))
        if axes is not None and len(axes) == rank < len(letters):
            axes += "c"
    letters = _named(letters, data.shape)
    data, letters = _squeezed(data, letters, axes)
    orientation = int(getattr(page.tags.get("Orientation"), "value", 1))
    given = axes or _given(letters, data.shape, str(location))
    if orientation in range(2, 9) and set("yx") <= set(given):
        data = Turned(data, given, orientation)
    details = tiff_details(file, chosen, given, dict(zip(given, data.shape, strict=False)))
    details = {**details, "is_rgb": is_rgb}
    details |= _geography(file, page, location)
    return Image(data, given, Details(**details), str(location))


def _chosen(file: Any, series: int | str | None, name: str) -> Any:
    """The series that is asked for, or the only one that is no preview."""
    every = file.series
    if not every:
        raise ValueError(f"{name} holds no image that tifffile finds.")
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


def _numbers(series: Any, level: int, name: str) -> tuple[Any, str]:
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
    return NamedErrors(array if hasattr(array, "shape") else array["0"], name), letters


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
        example = _example(letters)
        raise ValueError(
            f"{name} has the shape {shape} with axes {letters!r}, which have no one meaning: say "
            f'which they are, such as axes="{example}" (t: time, z: depth, c: channel, y: row, '
            "x: column)."
        )
    return letters


def _example(letters: str) -> str:
    """Axes that a file may have: known letters stay, and others get what is left."""
    channel = "s" if "s" in letters else "c"
    known = ["c" if letter == channel else letter * (letter in "tzyx") for letter in letters]
    left = [axis for axis in "zct" if axis not in known][: known.count("")]
    free = iter(sorted(left, key="tzc".index))
    return "".join(letter or next(free, "?") for letter in known)


def _geography(file: Any, page: Any, location: Location) -> dict[str, Any]:
    """Georeference and mask of a GeoTIFF, by rasterio where it is installed."""
    names = ("ModelPixelScaleTag", "ModelTransformationTag", "GDAL_NODATA")
    if not any(name in page.tags for name in names):
        return {}
    from umbed_keras.images.readers.geotiff import geography

    return geography(location)
