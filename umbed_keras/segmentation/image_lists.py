"""One image, a list of images and a batch, all handled as a list."""

from collections.abc import Callable
from typing import Any

import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.typing import ArrayLike


def as_list(
    arrays: ArrayLike, name: str, rank: int = 3
) -> tuple[list[np.ndarray], Callable[[list[Any]], Any]]:
    """Converts one image, a list of images or a batch to a list of NumPy arrays.

    Args:
        arrays: an array of at most `rank` axes, which is one image; a list or tuple of such
            arrays, of any sizes; or a batch, an array of more axes.
        name: str, the argument's name for the error message.
        rank: int, number of axes of one image: 3, or 2 for label images.

    Returns:
        A list of NumPy arrays, and a function that arranges results, one for each of them, as
        `arrays` are arranged.

    Raises:
        ValueError: if there are no images.

    Examples:
        >>> images, arrange = as_list(np.zeros((2, 8, 6, 3)), "images")
        >>> len(images), images[0].shape
        (2, (8, 6, 3))
        >>> arrange([image.mean(axis=-1) for image in images]).shape
        (2, 8, 6)
    """
    if isinstance(arrays, list | tuple):
        images, arrange = [to_host(array) for array in arrays], list
    else:
        array = to_host(arrays)
        is_one_image = array.ndim <= rank
        images, arrange = ([array], _only) if is_one_image else (list(array), np.stack)
    if not images:
        raise ValueError(f"`{name}` must not be empty.")
    return images, arrange


def _only(results):
    return results[0]
