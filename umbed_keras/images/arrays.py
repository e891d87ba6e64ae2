"""Checks and casts of arrays of images."""

import math
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.typing import ArrayLike, Shape, Tensor

ALLOWED = "uint8 (0..255) or floats in 0..1, channels last"
# What to do with other numbers.
REMEDY = "`umbed_keras.Scaling` makes floats in 0..1 of any numbers."
# Resampling may overshoot 0..1 by this much. Larger values mean another scale.
RANGE_SLACK = 1e-3


def to_host(images: ArrayLike) -> np.ndarray:
    """Converts an array or a tensor of any backend to a NumPy array.

    Args:
        images: anything that `numpy.asarray` reads, a tensor of Keras's backend, or a PyTorch
            tensor, whichever backend Keras runs on.

    Returns:
        NumPy array, without a copy where possible.

    Raises:
        ValueError: if an array of NumPy masks entries.

    Examples:
        >>> to_host(keras.ops.ones((2, 3))).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if hasattr(images, "detach"):  # a PyTorch tensor
        return images.detach().cpu().numpy()
    if ops.is_tensor(images):
        return ops.convert_to_numpy(images)
    check_no_mask(images)
    return np.asarray(images)


def check_no_mask(images: Any) -> None:
    """Checks that an array masks nothing, because masks are lost where tensors are made.

    Args:
        images: anything.

    Raises:
        ValueError: if it is a masked array of NumPy with masked entries.

    Examples:
        >>> check_no_mask(np.ma.masked_greater(np.arange(3), 1))
        Traceback (most recent call last):
        ValueError: Masked arrays lose their mask here: ...
    """
    if isinstance(images, np.ma.MaskedArray) and np.ma.is_masked(images):
        raise ValueError(
            "Masked arrays lose their mask here: replace what is masked by numbers, or by NaN "
            "(`images.astype('float32').filled(numpy.nan)`) for `umbed_keras.stores` and "
            "`segmentation`, which take NaN for pixels without data."
        )


def check_shape(shape: Shape, channels: int) -> None:
    """Checks that a shape is that of a batch of images.

    Args:
        shape: ints, or None for sizes that are not known.
        channels: int, channels that the images must have.

    Raises:
        ValueError: if `shape` is not `(batch, height, width, channels)`.

    Examples:
        >>> check_shape((8, 32, 32, 3), channels=3)
        >>> check_shape((8, 32, 32), channels=3)
        Traceback (most recent call last):
        ValueError: `images` must be a batch, (batch, height, width, channels)...
    """
    shape = tuple(shape)
    if len(shape) == 3:
        raise ValueError(
            "`images` must be a batch, (batch, height, width, channels). Received one array of "
            f"shape {shape}: add the batch axis with `images[None]`."
        )
    if len(shape) != 4:
        raise ValueError(
            f"`images` must have shape (batch, height, width, channels). Received: shape={shape}"
        )
    if shape[-1] != channels:
        raise ValueError(
            f"`images` must have {channels} channels in their last axis. Received: shape={shape}"
        )


def check_images(images: ArrayLike, channels: int) -> np.ndarray:
    """Checks a batch of images and converts it to a NumPy array.

    Args:
        images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats in
            0..1. The batch may be empty.
        channels: int, channels that the images must have.

    Returns:
        NumPy array of the same shape: uint8 as it is, floats as float32.

    Raises:
        TypeError: if `images` are neither uint8 nor floats.
        ValueError: if `images` have another shape, or no pixels.
        ValueError: if floats are NaN or lie outside 0..1.

    Examples:
        >>> check_images(np.zeros((2, 8, 8, 3), "float64"), channels=3).dtype.name
        'float32'
        >>> check_images(np.full((2, 8, 8, 3), 255.0), channels=3)
        Traceback (most recent call last):
        ValueError: `images` must be uint8 (0..255) or floats in 0..1, channels last...
    """
    array = to_host(images)
    check_shape(array.shape, channels)
    if array.shape[1] == 0 or array.shape[2] == 0:
        raise ValueError(f"`images` must have pixels. Received: shape={array.shape}")
    if array.dtype == np.uint8:
        return array
    # `numpy.issubdtype` does not know bfloat16, a dtype of JAX arrays.
    if "float" not in array.dtype.name:
        raise TypeError(f"`images` must be {ALLOWED}. Received: dtype={array.dtype}. {REMEDY}")
    array = array.astype("float32", copy=False)
    if array.size:
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(
                f"`images` must be {ALLOWED}. Received floats that hold NaN or infinite numbers: "
                "replace them, or embed by `umbed_keras.stores` or `segmentation`, which mask them."
            )
        if not (low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK):
            raise ValueError(
                f"`images` must be {ALLOWED}. Received floats from {low:g} to {high:g}. {REMEDY}"
            )
    return array


def to_float(images: Tensor) -> Tensor:
    """Converts a tensor of images to float32 in 0..1.

    Args:
        images: array or tensor of any shape, uint8 (0..255) or floats in 0..1. The values of
            floats are not checked.

    Returns:
        float32 tensor of the same shape.

    Raises:
        TypeError: if `images` are neither uint8 nor floats.

    Examples:
        >>> images = keras.ops.convert_to_tensor(np.array([0, 51, 255], "uint8"))
        >>> [round(float(value), 1) for value in to_float(images)]
        [0.0, 0.2, 1.0]
    """
    if ops.dtype(images) == "uint8":
        return ops.cast(images, "float32") / 255.0
    if "float" not in ops.dtype(images):
        raise TypeError(f"`images` must be {ALLOWED}. Received: dtype={ops.dtype(images)}")
    return ops.cast(images, "float32")
