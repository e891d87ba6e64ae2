"""Images and label images on disk."""

from pathlib import Path

from PIL import Image

from umbed_keras.images.pillow_files import open_image, opened


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
        with opened(path) as image:
            width, height = image.size
        if most_pixels is not None and width * height > most_pixels:
            raise ValueError(
                f"{path.name} has {width} x {height} pixels, and {most_pixels / 1e6:g} million are "
                "allowed: make it smaller, or cut it."
            )
        return open_image(path, 3)
    except ValueError as error:
        # Whoever gave a page a file doesn't know where it lies.
        raise ValueError(str(error).replace(str(path), path.name)) from error


def label_image(labels):
    """Classes as a grey image of their numbers, of 8 bits where these hold them, else of 16."""
    return Image.fromarray(labels.astype("uint8" if labels.max() < 256 else "uint16"))
