"""Pictures that the page shows: image tiles, and maps of classes and of numbers, as PNG."""

import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from umbed_keras.images.scaling import Scaling

# Colours at equal steps between 0 and 255: of uncertainty (magma) and of similarity (viridis).
_STOPS = {
    "uncertainty": ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)),
    "similar": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}


class Channel(NamedTuple):
    """How a channel is shown.

    Args:
        number: index among the channels that hold intensities.
        color: red, green and blue in 0..255, of the brightest pixels.
        low, high: numbers that are black and bright.

    Examples:
        >>> Channel.parsed("0:ff8000:0:255")
        Channel(number=0, color=(255, 128, 0), low=0.0, high=255.0)
    """

    number: int
    color: tuple[int, int, int]
    low: float
    high: float

    @classmethod
    def parsed(cls, text: str) -> "Channel":
        """Reads a channel from an address, such as `0:ffffff:12.5:900`.

        Args:
            text: index, colour and limits.

        Raises:
            ValueError: if it is none.
        """
        number, color, low, high = text.split(":")
        red, green, blue = bytes.fromhex(color)
        return cls(int(number), (red, green, blue), float(low), float(high))


def image_picture(tile: np.ndarray, channels: Sequence[Channel]) -> bytes:
    """Draws a tile of an image.

    Args:
        tile: array `(height, width, channels)` in the image's own numbers.
        channels: the channels to show, whose light adds up.

    Returns:
        A PNG file. Pixels that are not finite are transparent.

    Examples:
        >>> content = image_picture(np.zeros((4, 5, 1)), [Channel(0, (255, 255, 255), 0, 1)])
        >>> PIL.Image.open(io.BytesIO(content)).size
        (5, 4)
    """
    light = np.zeros((*tile.shape[:2], 3), "float32")
    valid = np.ones(tile.shape[:2], bool)
    for channel in channels:
        numbers = tile[..., channel.number]
        if numbers.dtype.kind == "f":
            finite = np.isfinite(numbers)
            valid &= finite
            numbers = np.where(finite, numbers, 0)
        high = channel.high if channel.high > channel.low else channel.low + 1e-9
        shown = Scaling((channel.low, high))(numbers)
        for band, strength in enumerate(channel.color):
            if strength:
                light[..., band] += shown * np.float32(strength)
    pixels = np.minimum(light + 0.5, 255).astype("uint8")
    if not valid.all():
        pixels = np.dstack([pixels, 255 * valid.astype("uint8")])
    return _png(PIL.Image.fromarray(pixels))


def class_picture(classes: np.ndarray, colors: Mapping[int, Sequence[int]]) -> bytes:
    """Draws a map of classes.

    Args:
        classes: uint8 array `(height, width)`; 0 is transparent.
        colors: class to red, green and blue.

    Returns:
        A PNG file.

    Examples:
        >>> content = class_picture(np.ones((4, 5), "uint8"), {1: (9, 8, 7)})
        >>> PIL.Image.open(io.BytesIO(content)).convert("RGBA").getpixel((0, 0))
        (9, 8, 7, 255)
    """
    palette = np.zeros((256, 3), "uint8")
    for number, color in colors.items():
        palette[number] = color
    return _indexed(classes, palette)


def number_picture(levels: np.ndarray, kind: str) -> bytes:
    """Draws a map of numbers.

    Args:
        levels: uint8 array `(height, width)`; 0 is transparent, 1..255 are colours.
        kind: `"uncertainty"` or `"similar"`.

    Returns:
        A PNG file.

    Examples:
        >>> content = number_picture(np.full((4, 5), 255, "uint8"), "similar")
        >>> PIL.Image.open(io.BytesIO(content)).convert("RGB").getpixel((0, 0))
        (253, 231, 37)
    """
    stops = np.array(_STOPS[kind], float)
    steps = np.linspace(0, len(stops) - 1, 256)
    bands = [np.interp(steps, range(len(stops)), band) for band in stops.T]
    return _indexed(levels, np.rint(np.stack(bands, axis=1)).astype("uint8"))


def levels_of(numbers: np.ndarray) -> np.ndarray:
    """Returns numbers in 0..1 as 1..255, and NaN as 0.

    Args:
        numbers: float array.

    Examples:
        >>> levels_of(np.array([0, 1, np.nan])).tolist()
        [1, 255, 0]
    """
    levels = 1 + np.rint(254 * np.clip(np.nan_to_num(numbers), 0, 1))
    return np.where(np.isnan(numbers), 0, levels).astype("uint8")


def _indexed(indices: np.ndarray, palette: np.ndarray) -> bytes:
    picture = PIL.Image.fromarray(np.ascontiguousarray(indices))
    picture.putpalette(palette.tobytes())
    return _png(picture, transparency=0)


def _png(picture: PIL.Image.Image, **options: int) -> bytes:
    content = io.BytesIO()
    picture.save(content, "png", compress_level=1, **options)
    return content.getvalue()
