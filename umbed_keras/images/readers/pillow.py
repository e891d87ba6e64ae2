"""What Pillow reads, with imagecodecs for images of more than 8 bits a channel."""

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL.Image
from PIL import ExifTags, ImageCms, ImageOps

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.views import Turned

# Formats whose further frames are previews or layers, not images of their own.
_ONE_FRAME = ("MPO", "PSD", "ICO", "ICNS", "CUR")
# Formats that hold more than 8 bits, of which Pillow gives 8 for colours.
_DEEP = ("PNG", "JPEG2000", "AVIF")
# Modes of one number a pixel that Pillow gives as they are.
_PLAIN = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N", "LA", "RGB", "RGBA")


def read_pillow(location: Location, axes: str | None = None, expand: bool = True) -> Image:
    """Reads an image file by Pillow, upright as its EXIF orientation says.

    Palettes, inks (CMYK), YCbCr, HSV and CIELAB become red, green and blue. Of a file of several
    frames each is a point in time.

    Args:
        location: location of the file.
        axes: axes to give to the image in place of those that follow from the file.
        expand: whether palettes become colours. False gives the indices, as for images of class
            numbers.

    Raises:
        ValueError: if the file is broken, no image, or holds more than 8 bits a channel in a form
            that no library here reads.

    Examples:
        >>> PIL.Image.new("RGB", (5, 4)).save("photo.png")
        >>> read_pillow(Location("photo.png")).channel_names
        ('red', 'green', 'blue')
    """
    with _opened(location) as image:
        if deep := _deep(image, location):
            data, orientation = deep
            letters = "yxc" if data.ndim == 3 else "yx"
            if orientation > 1:
                data = Turned(data, letters, orientation)
            channels = data.shape[2] if len(data.shape) == 3 else 1
            details = _colours({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels])
            return Image(data, axes or letters, details, str(location))
        count = 1 if image.format in _ONE_FRAME else getattr(image, "n_frames", 1)
        frames = []
        for number in range(count):
            image.seek(number)
            frames.append(_plain(image, expand))
    mode = frames[0].mode
    if any(frame.mode != mode or frame.size != frames[0].size for frame in frames):
        mode = "RGBA"
        frames = [frame.convert(mode) for frame in frames]
    if any(frame.size != frames[0].size for frame in frames):
        sizes = sorted({frame.size[::-1] for frame in frames})
        raise ValueError(f"{location} holds frames of several sizes, {sizes}: save them apart.")
    letters = "yx" if np.ndim(frames[0]) == 2 else "yxc"
    data = np.asarray(frames[0]) if count == 1 else np.stack([np.asarray(part) for part in frames])
    letters = letters if count == 1 else "t" + letters
    return Image(data, axes or letters, _colours(mode), str(location))


def _colours(mode: str) -> Details:
    alpha = {"RGBA": 3, "LA": 1}.get(mode)
    names = ("red", "green", "blue") if mode in ("RGB", "RGBA") else ()
    return Details(
        channel_names=(*names, "alpha") if alpha and names else names,
        is_rgb=mode in ("RGB", "RGBA"),
        alpha=alpha,
    )


@contextlib.contextmanager
def _opened(location: Location) -> Iterator[Any]:
    """The file as Pillow opens it; whatever it says of a broken one is a ValueError."""
    try:
        with location.open() as file, PIL.Image.open(file) as image:
            yield image
    except PIL.Image.DecompressionBombError as error:
        raise ValueError(
            f"{location} has far too many pixels. {error} (`PIL.Image.MAX_IMAGE_PIXELS` sets it.)"
        ) from error
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # parsers fail in many ways
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if isinstance(error, ValueError) and str(location) in str(error):
            raise
        raise ValueError(
            f"{location} is no image that can be read. {type(error).__name__}: {error}"
        ) from error


def _deep(image: Any, location: Location) -> tuple[np.ndarray, int] | None:
    """The numbers and orientation of an image of more than 8 bits that Pillow would cut to 8."""
    if image.mode.startswith(("I", "F", "1")):
        return None
    if image.format == "PPM":
        with location.open() as file:
            header = file.read(64).split()
        if header and header[0] == b"P6" and len(header) > 3 and int(header[3]) > 255:
            raise ValueError(
                f"{location} holds more than 8 bits a channel in the format PPM, which Pillow "
                "would cut to 8: save it as PNG or TIFF."
            )
        return None
    if image.format not in _DEEP:
        return None
    bits = None
    if image.format == "PNG":
        with location.open() as file:
            bits = file.read(25)[24]
        if bits <= 8:
            return None
    if bits is None and importlib.util.find_spec("imagecodecs") is None:
        return None  # it may hold 8 bits, which Pillow reads
    imagecodecs = import_extra("imagecodecs", "images")
    decode = {
        "PNG": "png_decode",
        "JPEG2000": "jpeg2k_decode",
        "AVIF": "avif_decode",
    }[image.format]
    with location.open() as file:
        data = getattr(imagecodecs, decode)(file.read())
    if data.dtype.itemsize == 1:
        return None
    return data, int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _plain(image: Any, expand: bool) -> Any:
    """A frame upright, in a mode of plain numbers."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "P" and not expand:
        return image
    if image.mode == "LAB":
        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        return ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
    if image.mode in ("P", "PA") or image.mode not in _PLAIN:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode in ("L", "RGB") and image.has_transparency_data:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image
