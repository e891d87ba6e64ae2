"""Image files: which a folder holds, and their pixels."""

import contextlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def image_files(folder, suffixes=SUFFIXES):
    """The images in a folder and its subfolders, as paths in the order of their names.

    Hidden files, such as the `._0.png` that macOS puts beside `0.png`, are left out.

    Raises:
        ValueError: there are none.
    """
    folder = Path(folder)
    files = [file for file in visible(folder) if file.suffix.lower() in suffixes and file.is_file()]
    if not files:
        raise ValueError(
            f"`folder` must be a folder of images ({', '.join(suffixes)}). "
            f"Received: {str(folder)!r}, which holds no images."
        )
    return files


def visible(folder):
    """What is in a folder and its subfolders and isn't hidden, in the order of names."""
    paths = {path.relative_to(folder): path for path in Path(folder).rglob("*")}
    return [paths[path] for path in sorted(paths, key=Path.as_posix) if not is_hidden(path)]


def is_hidden(path):
    """Whether a path within a folder is hidden, or lies in what is."""
    return any(part.startswith(".") for part in path.parts)


def open_image(file, channels):
    """The pixels of an image file that Pillow reads, the first image of several.

    It is turned upright as its EXIF orientation says and laid on white where it is transparent;
    16 bits of grey become 8, 65535 becoming 255; colours become grey by their luma.

    Args:
        file: path, or a file object.
        channels: 1 for grey or 3 for RGB.

    Returns:
        uint8 array `(height, width, channels)`.

    Raises:
        ValueError: no image, a broken one, or one of floats or of 32 bits; other channels.
        OSError: no such file, or none that may be read.
    """
    check_channels(channels)
    with opened(file) as image:
        ImageOps.exif_transpose(image, in_place=True)
        pixels = np.asarray(_converted(image, "L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def check_channels(channels):
    """Raises ValueError unless `open_image` gives as many."""
    if channels not in (1, 3):
        raise ValueError(f"`channels` of image files must be 1 or 3. Received: {channels}")


def image_size(file):
    """Height and width of what `open_image` gives of a file, decoded only if it must be."""
    with opened(file) as image:
        if image.format == "TIFF":
            image.load()  # Pillow turns it by itself
        # Orientations from 5 on exchange rows and columns.
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return image.size if turned else image.size[::-1]


@contextlib.contextmanager
def opened(file):
    """A scope with a file as Pillow opens it; the errors of `open_image`."""
    with readable(file), Image.open(file) as image:
        # PNG and PPM have no more than 16 bits, whatever Pillow makes of them.
        deep = image.mode == "I" and image.format not in ("PNG", "PPM")
        if deep or image.mode == "F":
            raise TypeError(f"it must have 8 or 16 bits a channel, and is of mode {image.mode!r}")
        yield image


@contextlib.contextmanager
def readable(file):
    """A scope in which whatever a library says of a broken file is a ValueError that names it."""
    name = file if isinstance(file, (str, Path)) else getattr(file, "name", file)
    try:
        yield
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name} has far too many pixels. {error} (`PIL.Image.MAX_IMAGE_PIXELS` sets it.)"
        ) from error
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # parsers stumble in many ways
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{name} is no image that can be read. {type(error).__name__}: {error}"
        ) from error


def _converted(image, mode):
    if image.mode[0] == "I":
        # To the nearest: 65535 is 255 times 257.
        grey = (np.asarray(image).astype("uint32") + 128) // 257
        image = Image.fromarray(grey.astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    return image if image.mode == mode else image.convert(mode)
