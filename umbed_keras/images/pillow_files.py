"""Image files that Pillow reads."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from umbed_keras.images.readers.file_errors import readable


def open_image(file: Any, channels: int) -> np.ndarray:
    """Reads the pixels of an image file, the first image if there are several.

    The image is turned upright as its EXIF orientation says, and laid on white where it is
    transparent. 16-bit grey values become 8-bit, such that 65535 becomes 255. Colours become grey
    by their luma.

    Args:
        file: path, or a file object.
        channels: int, 1 for grey or 3 for RGB.

    Returns:
        NumPy uint8 array `(height, width, channels)`.

    Raises:
        ValueError: if the file is no image, is broken, or has floats or 32-bit values.
        ValueError: if `channels` is neither 1 nor 3.
        OSError: if the file does not exist or must not be read.

    Examples:
        >>> Image.fromarray(np.full((4, 6), 65535, "uint16")).save("deep.png")
        >>> pixels = open_image("deep.png", channels=3)
        >>> pixels.shape, pixels.dtype.name, pixels.max().tolist()
        ((4, 6, 3), 'uint8', 255)
    """
    check_channels(channels)
    with opened(file) as image:
        ImageOps.exif_transpose(image, in_place=True)
        pixels = np.asarray(_converted(image, "L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def check_channels(channels: int) -> None:
    """Checks that `open_image` can return images of this number of channels.

    Args:
        channels: int.

    Raises:
        ValueError: if `channels` is neither 1 nor 3.

    Examples:
        >>> check_channels(3)
        >>> check_channels(4)
        Traceback (most recent call last):
        ValueError: `channels` of image files must be 1 or 3. Received: 4
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` of image files must be 1 or 3. Received: {channels}")


def image_size(file: Any) -> tuple[int, int]:
    """Returns the size of the image that `open_image` reads, without decoding it if possible.

    Args:
        file: path, or a file object.

    Returns:
        Tuple of ints, height and width in pixels.

    Raises:
        ValueError: if the file is no image, is broken, or has floats or 32-bit values.
        OSError: if the file does not exist or must not be read.

    Examples:
        >>> Image.new("RGB", (6, 4)).save("image.png")
        >>> image_size("image.png")
        (4, 6)
    """
    with opened(file) as image:
        if image.format == "TIFF":
            image.load()  # Pillow turns TIFF upright when it decodes
        # Orientations from 5 on exchange rows and columns.
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        width, height = image.size
        return (width, height) if turned else (height, width)


@contextlib.contextmanager
def opened(file: Any) -> Iterator[Image.Image]:
    """Context manager that opens an image file with Pillow.

    Args:
        file: path, or a file object.

    Yields:
        `PIL.Image.Image` of 8 or 16 bits a channel.

    Raises:
        ValueError: if the file is no image, is broken, or has floats or 32-bit values. This
            includes errors while pixels are decoded inside the context.
        OSError: if the file does not exist or must not be read.

    Examples:
        >>> Image.new("RGB", (6, 4)).save("image.png")
        >>> with opened("image.png") as image:
        ...     image.mode
        'RGB'
    """
    with readable(file), Image.open(file) as image:
        # Pillow opens 16-bit PNG and PPM as 32-bit.
        deep = image.mode == "I" and image.format not in ("PNG", "PPM")
        if deep or image.mode == "F":
            raise TypeError(f"it must have 8 or 16 bits a channel, and is of mode {image.mode!r}")
        yield image


def _converted(image: Image.Image, mode: str) -> Image.Image:
    """Returns an 8-bit image of a mode, "L" or "RGB", on white where it is transparent."""
    if image.mode[0] == "I":
        # Rounds to the nearest: 65535 is 255 times 257.
        grey = (np.asarray(image).astype("uint32") + 128) // 257
        image = Image.fromarray(grey.astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return image if image.mode == mode else image.convert(mode)
