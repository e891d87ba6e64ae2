"""What Pillow reads, with imagecodecs for images of more than 8 bits a channel."""

import contextlib
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
# Decoders of formats that may hold more than 8 bits or signed numbers, which Pillow changes.
_DEEP = {"PNG": "png_decode", "JPEG2000": "jpeg2k_decode", "AVIF": "avif_decode"}
# Formats that have a reader of their own, which Pillow would cut to 8 bits.
_ELSEWHERE = {"TIFF": ".tif", "FITS": ".fits", "HDF5": ".h5"}
# Modes of one number a pixel that Pillow gives as they are.
_PLAIN = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N", "LA", "RGB", "RGBA")


def read_pillow(
    location: Location, axes: str | None = None, expand: bool = True, is_tiff: bool = False
) -> Image:
    """Reads an image file by Pillow, upright as its EXIF orientation says.

    Palettes, inks (CMYK), YCbCr, HSV and CIELAB become red, green and blue. Of a file of several
    frames each is a point in time.

    Args:
        location: location of the file.
        axes: axes to give to the image in place of those that follow from the file.
        expand: whether palettes become colours, and grey of few bits fills the range of its type.
            False gives the numbers as they are stored, as for images of class numbers.
        is_tiff: whether the file may be a TIFF, which otherwise has a reader of its own.

    Raises:
        ValueError: if the file is broken, no image, or holds more than 8 bits a channel in a form
            that no library here reads.
        ImportError: if imagecodecs is needed and not installed.

    Examples:
        >>> PIL.Image.new("RGB", (5, 4)).save("photo.png")
        >>> read_pillow(Location("photo.png")).channel_names
        ('red', 'green', 'blue')
    """
    with _opened(location) as image:
        if image.format in _ELSEWHERE and not is_tiff:
            raise ValueError(
                f"{location} is a {image.format} file: its name must end in "
                f"{_ELSEWHERE[image.format]}."
            )
        if deep := _deep(image, location):
            data, orientation = deep
            letters = "yxc" if data.ndim == 3 else "yx"
            if orientation > 1:
                data = Turned(data, letters, orientation)
            channels = data.shape[2] if len(data.shape) == 3 else 1
            details = _colours({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}.get(channels, ""))
            return Image(data, axes or letters, details, str(location))
        count = 1 if image.format in _ONE_FRAME else getattr(image, "n_frames", 1)
        frames = []
        for number in range(count):
            if count > 1:  # some formats count frames from 1
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
    """The numbers and orientation of an image whose numbers Pillow would change."""
    coding = _coding(image)
    if image.format == "PPM" and image.mode == "RGB":
        is_cut = coding[0] in ("ppm", "ppm_plain") and int(coding[-1]) > 255
    else:
        is_cut = image.format == "SGI" and (coding[0] == "SGI16" or coding[-1] == 2)
    if is_cut:
        raise ValueError(
            f"{location} holds more than 8 bits a channel in the format {image.format}, which "
            "Pillow cuts to 8 bits: save it as PNG or TIFF."
        )
    if image.format not in _DEEP:
        return None
    if image.format == "PNG":
        translucent = image.mode == "I;16" and "transparency" in image.info
        if not translucent and (image.mode == "I;16" or not str(coding[-1]).endswith(";16B")):
            return None
    decode = getattr(import_extra("imagecodecs", "images"), _DEEP[image.format])
    with location.open() as file:
        data = decode(file.read())
    if data.dtype == np.uint8:
        return None
    return data, int(image.getexif().get(ExifTags.Base.Orientation, 1))


def _coding(image: Any) -> tuple[Any, ...]:
    """The name of Pillow's decoder, and its arguments."""
    if not getattr(image, "tile", None):
        return ("", "")
    decoder, *_, arguments = image.tile[0]
    return (decoder, *(arguments if isinstance(arguments, tuple) else (arguments,)))


def _plain(image: Any, expand: bool) -> Any:
    """A frame upright, in a mode of plain numbers."""
    most = None if expand else _largest(image)
    image = ImageOps.exif_transpose(image)
    if most is not None:
        stretched = np.asarray(image)
        full = 255 if image.mode == "L" else 65535
        stored = np.rint(stretched.astype("float64") * most / full)
        return PIL.Image.fromarray(stored.astype("uint8" if most < 256 else "uint16"))
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


def _largest(image: Any) -> int | None:
    """The largest number that a grey image may hold, where Pillow stretches it to 8 or 16 bits."""
    coding = _coding(image)
    if image.format == "PNG" and coding[-1] in ("L;2", "L;4"):
        return 2 ** int(coding[-1][-1]) - 1
    # Pillow's raw decoder keeps the numbers, and its last argument is an orientation.
    if coding[0] in ("ppm", "ppm_plain") and image.mode in ("L", "I"):
        return int(coding[-1])
    return None
