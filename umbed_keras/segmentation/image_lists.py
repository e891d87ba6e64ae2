"""One image, a list of images and a batch, all handled as a list."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.images.image import Image
from umbed_keras.images.labels import as_training_labels, read_labels
from umbed_keras.images.read_image import read_image
from umbed_keras.typing import ArrayLike, PathLike


def as_images(
    images: Image | PathLike | ArrayLike, axes: str | None = None
) -> tuple[list[Image], Callable[[list[Any]], Any]]:
    """Converts one image, a list of images or a batch to a list of `Image`s.

    Args:
        images: `Image`, path or array; a list or tuple of these, of any sizes; or a batch, an array
            of one axis more than an image has.
        axes: axes of arrays and of files that do not name theirs. None takes `(height, width)`
            and `(height, width, channels)`.

    Returns:
        A list of `Image`s, and a function that arranges results, one for each of them, as
        `images` are arranged.

    Raises:
        TypeError: if an array is neither of numbers nor of booleans.
        ValueError: if there are no images, or an image has no pixels, or axes that have no one
            meaning.

    Examples:
        >>> images, arrange = as_images(np.zeros((2, 8, 6, 3)))
        >>> len(images), images[0].axes
        (2, 'yxc')
        >>> arrange([np.asarray(image).mean(axis=-1) for image in images]).shape
        (2, 8, 6)
    """
    if isinstance(images, list | tuple):
        if not images:
            raise ValueError("`images` must not be empty.")
        return [_as_image(image, axes) for image in images], list
    if isinstance(images, Image | str | os.PathLike):
        return [_as_image(images, axes)], _only
    array = to_host(images)
    rank = 3 if axes is None else len(axes)
    if array.ndim > rank:
        if not len(array):
            raise ValueError("`images` must not be empty.")
        return [_as_image(image, axes) for image in array], np.stack
    return [_as_image(array, axes)], _only


def as_label_images(
    labels: PathLike | ArrayLike, images: list[Image], axes: str | None = None
) -> list[np.ndarray]:
    """Converts label images to a list of int64 arrays that match a list of images.

    Args:
        labels: label image or path of one; a list or tuple of these; or a batch.
        images: the images, of which each label image has the sizes.
        axes: axes of label files that do not name theirs.

    Returns:
        List of int64 arrays with the images' axes but the channels; 0 where there is no label.

    Raises:
        TypeError: if labels are no numbers.
        ValueError: if `labels` are not as many as `images`, have other sizes, or are negative or no
            integers.

    Examples:
        >>> as_label_images(np.array([[True, False]]), [Image(np.zeros((1, 2)))])[0].tolist()
        [[1, 0]]
    """
    if isinstance(labels, list | tuple):
        every = list(labels)
    elif isinstance(labels, str | os.PathLike):
        every = [labels]
    else:
        array = labels if isinstance(labels, np.ma.MaskedArray) else to_host(labels)
        single = len(images) == 1 and array.ndim == images[0].ndim - ("c" in images[0].axes)
        every = [array] if single else list(array)
    if len(every) != len(images):
        raise ValueError(
            f"`labels` must be as many as `images`. Received: {len(every)} and {len(images)}"
        )
    result = []
    for label, image in zip(every, images, strict=True):
        letters = image.axes.replace("c", "")
        if isinstance(label, str | os.PathLike):
            given = axes.lower().replace("c", "") if axes else letters
            label = read_labels(label, given if len(given) > 2 else None)
        label = as_training_labels(
            label if isinstance(label, np.ma.MaskedArray) else to_host(label)
        )
        shape = tuple(image.sizes[axis] for axis in letters)
        if label.shape != shape:
            raise ValueError(
                f"`labels` must have the sizes of their image, {shape} for axes {letters!r}. "
                f"Received: shape={label.shape}"
            )
        result.append(label)
    return result


def label_planes(image: Image, labels: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yields the label image of each plane.

    Args:
        image: `Image`.
        labels: array with the image's axes but the channels.

    Yields:
        The index of a plane along the image's `plane_axes`, and its labels `(height, width)`.

    Examples:
        >>> stack = Image(np.zeros((3, 4, 5)), "zyx")
        >>> [(plane, part.shape) for plane, part in label_planes(stack, np.zeros((3, 4, 5)))]
        [((0,), (4, 5)), ((1,), (4, 5)), ((2,), (4, 5))]
    """
    letters = image.axes.replace("c", "")
    for plane in image.planes():
        index = dict(zip(image.plane_axes, plane, strict=True))
        part = labels[tuple(index.get(axis, slice(None)) for axis in letters)]
        yield plane, part if letters.index("y") < letters.index("x") else part.T


def join_planes(image: Image, parts: list[np.ndarray]) -> np.ndarray:
    """Joins results of planes to an array with the axes of the image.

    Args:
        image: `Image`.
        parts: an array `(height, width, ...)` for each plane, in the order of `image.planes()`.

    Returns:
        Array with the image's axes but the channels, and then the further axes of the parts.

    Examples:
        >>> stack = Image(np.zeros((3, 4, 5)), "zyx")
        >>> join_planes(stack, [np.zeros((4, 5, 2))] * 3).shape
        (3, 4, 5, 2)
    """
    letters = image.axes.replace("c", "")
    joined = parts[0] if not image.plane_axes else np.stack(parts)
    joined = joined.reshape(*image.plane_shape, *parts[0].shape)
    given = image.plane_axes + "yx"
    if given == letters:
        return joined
    order = [given.index(axis) for axis in letters]
    return joined.transpose(*order, *range(len(order), joined.ndim))


def lazy_image(image: Image | PathLike | Any, axes: str | None = None) -> Image:
    """Converts one image to an `Image` without reading it.

    Args:
        image: `Image`, path, array, or anything with `shape`, `dtype` and slices.
        axes: axes of an array or file that does not name its own.

    Raises:
        TypeError: if `image` is none of these.
        ValueError: if it has no pixels, or axes that have no one meaning.

    Examples:
        >>> lazy_image(np.zeros((4, 5), "uint16")).axes
        'yx'
    """
    known = isinstance(image, Image | str | os.PathLike)
    if not known and not (hasattr(image, "shape") and hasattr(image, "dtype")):
        raise TypeError(
            "`image` must be an `Image`, a path, or an array with `shape`, `dtype` and slices. "
            f"Received: {type(image).__name__}"
        )
    is_tensor = hasattr(image, "detach") or keras.ops.is_tensor(image)
    if not known and not is_tensor and not isinstance(image, np.ndarray):
        image = Image(image, axes, name="`image`")
    return _as_image(image, axes)


def _as_image(image: Any, axes: str | None) -> Image:
    if isinstance(image, str | os.PathLike):
        image = read_image(image, axes)
    elif not isinstance(image, Image):
        image = Image(_checked_array(to_host(image), axes), axes, name="`images`")
    if 0 in image.shape:
        raise ValueError(f"`images` must have pixels. Received: shape={image.shape}")
    return image


def _checked_array(array: np.ndarray, axes: str | None) -> np.ndarray:
    if array.dtype.kind not in "biuf" and "float" not in array.dtype.name:
        raise TypeError(f"`images` must be arrays of numbers. Received: dtype={array.dtype}")
    if axes is None and (array.ndim not in (2, 3)):
        raise ValueError(
            "`images` must have shape (height, width) or (height, width, channels), or come with "
            f"`axes`. Received: shape={array.shape}"
        )
    # NumPy's functions do not know bfloat16, which JAX arrays bring along.
    return array if array.dtype.kind in "biuf" else array.astype("float32")


def _only(results):
    return results[0]
