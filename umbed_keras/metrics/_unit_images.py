"""Images as image metrics take them."""

from typing import Any

import numpy as np
from keras import ops

from umbed_keras.ops.checks import known_range
from umbed_keras.typing import ArrayLike, Tensor


def check_value_range(value_range: Any) -> tuple[float, float]:
    """Returns a range as two floats.

    Raises:
        ValueError: if it is not two numbers `(low, high)` with low < high.
    """
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        raise ValueError(
            "`value_range` must be two numbers (low, high) with low < high. "
            f"Received: {value_range!r}"
        )
    return low, high


def unit_images(
    references: ArrayLike,
    images: ArrayLike,
    value_range: tuple[float, float],
    channels: int | None = None,
    min_size: int = 1,
) -> tuple[Tensor, Tensor]:
    """Returns two batches of images as float32 tensors, scaled to 0..1.

    Args:
        references: `(batch, height, width, channels)`, uint8, or floats in `value_range`.
        images: like `references`, of the same shape.
        value_range: two floats, the range of floating-point images. It does not apply to uint8.
        channels: int, required number of channels, or None for any number.
        min_size: int, least height and width.

    Returns:
        Two float32 tensors of the same shapes. Floats outside `value_range` stay outside 0..1.

    Raises:
        TypeError: if a dtype is neither uint8 nor floating-point.
        ValueError: if the shapes differ or do not have four axes.
        ValueError: if the images have another number of channels, or are too small.
        ValueError: if floats leave `value_range` by more than its width. This is not checked in a
            compiled function.
    """
    references, images = ops.convert_to_tensor(references), ops.convert_to_tensor(images)
    shapes = tuple(references.shape), tuple(images.shape)
    pairs = list(zip(*shapes, strict=False))
    if len(shapes[0]) != len(shapes[1]) or any(None not in (a, b) and a != b for a, b in pairs):
        raise ValueError(
            "`references` and `images` must have the same shape. "
            f"Received: {shapes[0]} and {shapes[1]}"
        )
    if len(pairs) != 4:
        raise ValueError(
            "`references` and `images` must have shape (batch, height, width, channels). "
            f"Received: shape={shapes[0]}"
        )
    # In a compiled graph, the size of an axis may be known for only one of the two.
    _, *sizes, depth = (a if b is None else b for a, b in pairs)
    if channels is not None and depth not in (None, channels):
        raise ValueError(
            f"`references` and `images` must have {channels} channels in their last axis. "
            f"Received: shape={shapes[0]}"
        )
    if any(size is not None and size < min_size for size in sizes):
        raise ValueError(
            f"`references` and `images` must be at least {min_size} pixels high and wide. "
            f"Received: shape={shapes[0]}"
        )
    return (
        _unit(references, "references", value_range),
        _unit(images, "images", value_range),
    )


def _unit(images: Tensor, name: str, value_range: tuple[float, float]) -> Tensor:
    dtype = ops.dtype(images)
    if dtype == "uint8":
        low, high = 0.0, 255.0
    elif "float" in dtype:
        low, high = value_range
    else:
        raise TypeError(
            f"`{name}` must be uint8 (0..255) or floats in `value_range`. Received: dtype={dtype}"
        )
    scaled = (ops.cast(images, "float32") - low) / (high - low)
    # A reconstruction may leave the range; by its whole width, it has another scale.
    limits = known_range(scaled) if dtype != "uint8" else None
    if limits is not None and (limits[0] < -1 or limits[1] > 2) and np.isfinite(limits).all():
        low, high = (low + limit * (high - low) for limit in limits)
        raise ValueError(
            f"`{name}` must be uint8 (0..255) or floats in `value_range`, {value_range}. "
            f"Received floats from {low:g} to {high:g}."
        )
    return scaled
