"""Integers of every pixel as a PNG, TIFF or .npy file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from umbed_keras.extras import import_extra
from umbed_keras.files import written_whole
from umbed_keras.images.image import Image

# Names of units in OME-XML, and their size in metres.
_UNITS = {
    "nanometer": ("nm", 1e-9),
    "micrometer": ("µm", 1e-6),
    "millimeter": ("mm", 1e-3),
    "centimeter": ("cm", 1e-2),
    "meter": ("m", 1.0),
}
# Types of OME-XML.
_OME_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


def write_numbers(
    path: Path,
    numbers: np.ndarray,
    like: Image | None = None,
    colors: Sequence[Sequence[int]] = (),
) -> Path:
    """Writes integers as they are, with what is known of the image that they belong to.

    Where PNG has no room (numbers beyond 16 bits, negative ones, stacks), or the image has a
    georeference, a TIFF takes its place. The file is written whole or not at all.

    Args:
        path: path of the file, ending in `.png`, `.tif`, `.tiff` or `.npy`.
        numbers: integers `(height, width)`, or of a stack with the axes of `like` but the channels.
        like: `Image` whose pixel size and georeference are kept.
        colors: red, green and blue of the numbers 1, 2, ..., in turn, in which programs show
            numbers of 8 bits. They are a palette, which changes no number.

    Returns:
        The path of the file, which ends in `.tif` where PNG had no room.

    Raises:
        ValueError: if `path` has another suffix.
        ImportError: if a TIFF is needed and tifffile or rasterio is not installed.

    Examples:
        >>> write_numbers(Path("a.png"), np.array([[0, 300]], "uint16")).name
        'a.png'
        >>> write_numbers(Path("a.png"), np.array([[0, -1]], "int8")).name
        'a.tif'
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".tif", ".tiff", ".npy"):
        raise ValueError(f"`path` must end in .png, .tif, .tiff or .npy. Received: {path}")
    located = like is not None and like.georeference is not None
    fits = numbers.ndim == 2 and numbers.dtype in ("uint8", "uint16")
    if suffix == ".png" and (located or not fits):
        path, suffix = path.with_suffix(".tif"), ".tif"
    palette = _palette(colors) if len(colors) and numbers.dtype == np.uint8 else None
    with written_whole(path) as temporary:
        if suffix == ".npy":
            with open(temporary, "wb") as file:
                np.save(file, numbers)
        elif suffix == ".png":
            _write_png(temporary, numbers, palette, like)
        elif located and numbers.ndim == 2:
            _write_geotiff(temporary, numbers, palette, like)
        else:
            _write_tiff(temporary, numbers, palette, like)
    return path


def _palette(colors: Sequence[Sequence[int]]) -> np.ndarray:
    """uint8 array `(256, 3)`: black, and then the colours in turn."""
    table = np.zeros((256, 3), "uint8")
    table[1:] = np.array(colors, "uint8")[np.arange(255) % len(colors)]
    return table


def _write_png(
    path: Path, numbers: np.ndarray, palette: np.ndarray | None, like: Image | None
) -> None:
    if palette is None:
        picture = PIL.Image.fromarray(numbers)
    else:
        picture = PIL.Image.frombytes("P", numbers.shape[::-1], numbers.tobytes())
        picture.putpalette(palette.tobytes())
    sizes = _metres(like)
    dots = {}
    # PNG holds whole pixels a metre.
    if {"y", "x"} <= sizes.keys() and all(0.5 <= 1 / sizes[axis] < 2**31 for axis in "yx"):
        dots = {"dpi": (0.0254 / sizes["x"], 0.0254 / sizes["y"])}
    picture.save(path, "png", **dots)


def _write_tiff(
    path: Path, numbers: np.ndarray, palette: np.ndarray | None, like: Image | None
) -> None:
    """A TIFF with axes; in OME-XML where there are pixel sizes and it has the type."""
    tifffile = import_extra("tifffile", "images")
    letters = like.axes.replace("c", "") if like is not None else ""
    if len(letters) != numbers.ndim:
        letters = "tzyx"[-numbers.ndim :]
    options: dict[str, Any] = {"metadata": {"axes": letters.upper()}}
    sizes = _metres(like)
    if like is not None and sizes and letters.endswith("yx") and numbers.dtype in _OME_TYPES:
        options["ome"] = True
        for axis, size in like.pixel_size.items():
            options["metadata"][f"PhysicalSize{axis.upper()}"] = size
            options["metadata"][f"PhysicalSize{axis.upper()}Unit"] = _UNITS[str(like.unit)][0]
    if {"y", "x"} <= sizes.keys():
        options["resolution"] = (0.01 / sizes["x"], 0.01 / sizes["y"])
        options["resolutionunit"] = "CENTIMETER"
    if palette is not None:
        options |= {"photometric": "palette", "colormap": palette.T.astype("uint16") * 257}
    tifffile.imwrite(path, numbers, compression="zlib", **options)


def _metres(like: Image | None) -> dict[str, float]:
    """Axis to size of a pixel in metres, where it is known."""
    if like is None or like.unit not in _UNITS:
        return {}
    return {axis: size * _UNITS[like.unit][1] for axis, size in like.pixel_size.items() if size > 0}


def _write_geotiff(
    path: Path, numbers: np.ndarray, palette: np.ndarray | None, like: Image
) -> None:
    rasterio = import_extra("rasterio", "geo")
    known = like.georeference
    options = {
        "driver": "GTiff",
        "height": numbers.shape[0],
        "width": numbers.shape[1],
        "count": 1,
        "dtype": numbers.dtype.name,
        "crs": known.crs,
        "transform": rasterio.Affine(*known.transform),
        "compress": "deflate",
    }
    if palette is not None:
        options["photometric"] = "palette"
    with rasterio.open(path, "w", **options) as file:
        if palette is not None:  # GDAL wants it before the numbers
            colors = (tuple(map(int, color)) for color in palette)
            file.write_colormap(1, dict(enumerate(colors)))
        file.write(numbers, 1)
