"""Squares of images: the middle of one, or as many as fit."""

import numpy as np
import PIL.Image

from umbed_keras.typing import ArrayLike


def square(image: PIL.Image.Image, size: int) -> np.ndarray:
    """Resizes the short side of an image by Lanczos resampling, and cuts out the central square.

    Args:
        image: `PIL.Image.Image`.
        size: side of the square in pixels.

    Returns:
        Array `(size, size)` or `(size, size, channels)`, of the type of the image's pixels.

    Examples:
        >>> square(PIL.Image.new("RGB", (60, 40)), 16).shape
        (16, 16, 3)
    """
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), PIL.Image.Resampling.LANCZOS)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def channel_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Computes `square` of an array, each channel by itself, so that it may hold floats.

    Args:
        pixels: uint8, or floats in 0..1, `(height, width, channels)`.
        size: side of the square in pixels.

    Returns:
        Array `(size, size, channels)` of the same type.

    Examples:
        >>> channel_square(np.zeros((6, 9, 2), "float32"), 4).shape
        (4, 4, 2)
    """
    planes = np.moveaxis(pixels, -1, 0).copy()
    joined = np.stack([square(PIL.Image.fromarray(plane), size) for plane in planes], axis=-1)
    return joined if joined.dtype == np.uint8 else np.clip(joined, 0, 1)


def tile(image: ArrayLike | PIL.Image.Image, size: int) -> np.ndarray:
    """Cuts an image into as many squares as fit, centred, without resizing it.

    Args:
        image: array `(height, width)` or `(height, width, channels)`, or `PIL.Image.Image`.
        size: side of the squares in pixels.

    Returns:
        Array `(n, size, size, channels)` of the same type; `n` is 0 if the image is smaller.

    Examples:
        >>> tile(np.zeros((40, 70, 3), "uint8"), 32).shape
        (2, 32, 32, 3)
    """
    pixels = np.asarray(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    rows, cols = (side // size for side in pixels.shape[:2])
    top, left = ((side % size) // 2 for side in pixels.shape[:2])
    inside = pixels[top : top + rows * size, left : left + cols * size]
    grid = inside.reshape(rows, size, cols, size, pixels.shape[-1]).swapaxes(1, 2)
    return grid.reshape(rows * cols, size, size, pixels.shape[-1])
