"""Masks, label images and the sizes of their pixels, in the forms that users have them in."""

import os
from collections.abc import Mapping

import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.images.labels import as_labels, read_labels
from umbed_keras.typing import ArrayLike, PathLike


def as_mask(
    mask: PathLike | ArrayLike, axes: str | None = None, name: str = "mask"
) -> tuple[np.ndarray, str]:
    """Returns a mask as integers, and its axes.

    Args:
        mask: integers, booleans or integral floats, or the path of a file of them.
        axes: letters of `"t"`, `"z"`, `"y"` and `"x"`; a `"c"` is left out, as masks have no
            channels. None takes `"yx"` for two axes.
        name: name in messages.

    Returns:
        int64 array, and a letter for each of its axes.

    Raises:
        TypeError: if `mask` holds no numbers.
        ValueError: if it holds numbers that are no integers, or `axes` does not fit.

    Examples:
        >>> as_mask(np.ones((4, 5), bool))[1]
        'yx'
        >>> as_mask(np.ones((4, 5, 6), "uint8"), "zcyx")[1]
        'zyx'
    """
    letters = None if axes is None else axes.lower().replace("c", "")
    if isinstance(mask, str | os.PathLike):
        numbers = read_labels(mask, letters if letters is None or len(letters) > 2 else None)
    else:
        numbers = as_labels(mask if isinstance(mask, np.ma.MaskedArray) else to_host(mask), name)
    if letters is None and numbers.ndim == 2:
        return numbers, "yx"
    if letters is None:
        raise ValueError(
            f'`{name}` has {numbers.ndim} axes: say which, such as axes="zyx" or axes="tyx".'
        )
    proper = len(set(letters)) == len(letters) and {"y", "x"} <= set(letters) <= set("tzyx")
    if not proper or len(letters) != numbers.ndim:
        raise ValueError(
            f"`axes` must name the {numbers.ndim} axes of `{name}`, of t, z, y and x. "
            f"Received: {axes!r}"
        )
    return numbers, letters


def pixel_sizes(pixel_size: float | Mapping[str, float] | None, axes: str) -> dict[str, float]:
    """Returns the size of a pixel along each axis in space.

    Args:
        pixel_size: size along every axis, or axis to size; None is 1.
        axes: axes of a mask.

    Raises:
        ValueError: if a size is missing or not positive.

    Examples:
        >>> pixel_sizes({"z": 2.0, "y": 0.5, "x": 0.5}, "tyx")
        {'y': 0.5, 'x': 0.5}
    """
    letters = axes.replace("t", "")
    if not isinstance(pixel_size, Mapping):
        pixel_size = dict.fromkeys(letters, 1.0 if pixel_size is None else pixel_size)
    sizes = {axis: float(pixel_size.get(axis, 0)) for axis in letters}
    if not all(0 < size < np.inf for size in sizes.values()):
        raise ValueError(
            f"`pixel_size` must be positive for each of the axes {letters!r}. "
            f"Received: {dict(pixel_size)}"
        )
    return sizes
