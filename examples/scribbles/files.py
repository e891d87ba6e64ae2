"""Images and label images on disk."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


def read_image(path, most_pixels=None):
    """An image of a file as uint8 `(height, width, 3)`, upright, on white where transparent.

    Args:
        path: path of any kind of image that Pillow reads.
        most_pixels: int, how many pixels are read at most; None leaves it at Pillow's own bound.

    Raises:
        ValueError: no image, a broken one, or one of too many pixels.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            if most_pixels is not None and image.width * image.height > most_pixels:
                raise ValueError(
                    f"{path.name} has {image.width} x {image.height} pixels, and "
                    f"{most_pixels / 1e6:g} million are allowed: make it smaller, or cut it."
                )
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16"):
                image = Image.fromarray(np.uint8(np.asarray(image) >> 8))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return np.asarray(image.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path.name} has far too many pixels.") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path.name} is no image that can be read.") from error


def label_image(labels):
    """Classes as a grey image of their numbers, of 8 bits where these hold them, else of 16."""
    return Image.fromarray(labels.astype("uint8" if labels.max() < 256 else "uint16"))
