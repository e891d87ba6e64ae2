"""Colours of TIFF files, as red, green and blue."""

from typing import Any

import numpy as np

from umbed_keras.images.readers.views import Mapped

_WHITE_IS_ZERO, _RGB, _PALETTE, _INKS, _YCBCR, _CIELAB = 0, 2, 3, 5, 6, 8
# Further ways to code colours that nothing here converts: ICC's and ITU's CIELAB, and LogLuv.
_UNKNOWN = (9, 10, 32844, 32845)
# Compressions whose decoders give red, green and blue for YCbCr.
_DECODED = (6, 7, 33003, 33005, 34712)


def needs_pillow(page: Any) -> bool:
    """Returns whether colours are coded in a way that tifffile leaves to others.

    Args:
        page: `tifffile.TiffPage`.

    Examples:
        >>> import tifffile
        >>> tifffile.imwrite("lab.tif", np.zeros((4, 5, 3), "uint8"), photometric="cielab")
        >>> with tifffile.TiffFile("lab.tif") as file:
        ...     needs_pillow(file.pages[0])
        True
    """
    if int(page.photometric) == _CIELAB:
        return page.bitspersample == 8
    return int(page.photometric) == _YCBCR and int(page.compression) not in _DECODED


def plain_colours(data: Any, letters: str, page: Any, name: str) -> tuple[Any, str, bool]:
    """Converts palettes, inverted grey and inks of a TIFF to plain colours.

    Args:
        data: array, or anything with `shape`, `dtype` and indexing.
        letters: tifffile's letters for its axes.
        page: `tifffile.TiffPage` that says how colours are coded.
        name: name of the file in messages.

    Returns:
        The data, their letters, and whether the first three samples are red, green and blue.

    Raises:
        ValueError: if colours are coded in a way that is not converted.

    Examples:
        >>> import tifffile
        >>> tifffile.imwrite("a.tif", np.zeros((4, 5), "uint8"), photometric="miniswhite")
        >>> with tifffile.TiffFile("a.tif") as file:
        ...     data, *rest = plain_colours(file.asarray(), "YX", file.pages[0], "a.tif")
        >>> data[0, 0].tolist(), rest
        (255, ['YX', False])
    """
    photometric = int(page.photometric)
    samples, extra = page.samplesperpixel, len(page.extrasamples)
    interleaved = letters.endswith("S")
    plain = photometric not in (_PALETTE, _INKS, _CIELAB, *_UNKNOWN)
    # Masks of one bit are written with white as zero, too, and mean what they say.
    inverted = photometric == _WHITE_IS_ZERO and data.dtype.kind == "u"
    if plain and not inverted:
        is_rgb = photometric in (_RGB, _YCBCR) and samples >= 3
        return data, letters, is_rgb
    if photometric == _PALETTE and page.colormap is not None and samples == 1:
        table = np.asarray(page.colormap).T
        # Tables are of 16 bits; most were made from 8.
        if data.dtype.itemsize == 1 or not (table % 257).any():
            table = (table // 257 if not (table % 257).any() else table // 256).astype("uint8")
        mapped = Mapped(data, lambda window: table[window], channels=3, dtype=table.dtype)
        return mapped, letters + "S", True
    if inverted and (samples == 1 or interleaved):
        most = 2**page.bitspersample - 1
        if samples == 1:
            return Mapped(data, lambda window: (most - window).astype(window.dtype)), letters, False
        return _by_samples(data, samples, lambda grey: most - grey, samples - extra), letters, False
    if photometric == _INKS and samples - extra == 4 and interleaved and data.dtype.kind == "u":
        most = np.iinfo(data.dtype).max

        def from_inks(inks: np.ndarray) -> np.ndarray:
            light = most - inks.astype("float64")
            return np.rint(light[..., :3] * light[..., 3:] / most)

        return _by_samples(data, samples - 1, from_inks, 4), letters, True
    kind = getattr(page.photometric, "name", photometric)
    layout = "" if interleaved or samples == 1 else " in planes"
    raise ValueError(
        f"{name} holds colours as {kind} in {samples} samples of {data.dtype}{layout}, which are "
        "not converted: save it as RGB."
    )


def _by_samples(data: Any, samples: int, function: Any, count: int) -> Mapped:
    """The data whose first `count` samples are replaced by a function of them."""

    def convert(window: np.ndarray) -> np.ndarray:
        return np.concatenate([function(window[..., :count]), window[..., count:]], axis=-1)

    return Mapped(data, convert, takes_channels=True, channels=samples, dtype=data.dtype)
