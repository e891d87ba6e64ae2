"""Images that users of the page upload."""

import contextlib
from pathlib import Path

import umbed_keras as uk


def read_plane(path, most_pixels):
    """Opens an image of one plane.

    Args:
        path: path of an image file of any kind that `umbed_keras.read_image` reads.
        most_pixels: int, the largest number of pixels.

    Returns:
        `umbed_keras.Image`.

    Raises:
        ValueError: if the file is not an image, is damaged, is a stack or has too many pixels, or
            if the library that reads it is not installed.
    """
    path = Path(path)
    with _named(path):
        image = uk.read_image(path)
    if image.num_planes > 1:
        raise ValueError(
            f"{path.name} is a stack of {image.num_planes} planes, and one image is shown here: "
            "take a plane of it, or segment the stack by `umbed-keras segment`."
        )
    if image.height * image.width > most_pixels:
        raise ValueError(
            f"{path.name} has {image.width} x {image.height} pixels, and {most_pixels / 1e6:g} "
            "million are allowed: make it smaller, or cut it."
        )
    with _named(path):
        _ = image[...]  # a part of it may be damaged
    return image


@contextlib.contextmanager
def _named(path):
    """Errors that name the uploaded file, of which users of the page don't know the path."""
    try:
        yield
    except (ImportError, OSError, ValueError) as error:
        raise ValueError(str(error).replace(str(path), path.name)) from error
