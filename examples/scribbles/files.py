"""Reading of images and writing of label images."""

from pathlib import Path

from PIL import Image

from umbed_keras.images.pillow_files import open_image, opened


def read_image(path, most_pixels=None):
    """Reads an image as uint8 `(height, width, 3)`, upright, transparent parts on white.

    Args:
        path: path of an image file that Pillow can read.
        most_pixels: int, the largest number of pixels, or None for the limit of Pillow.

    Raises:
        ValueError: if the file is not an image, is damaged or has too many pixels.
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
        # Users of the page don't know the path of the uploaded file.
        raise ValueError(str(error).replace(str(path), path.name)) from error


def label_image(labels):
    """Returns a grey image of class numbers, of 8 bits if they fit, else of 16."""
    return Image.fromarray(labels.astype("uint8" if labels.max() < 256 else "uint16"))
