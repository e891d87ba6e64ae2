"""What the image metrics take as images."""

from keras import ops


def check_value_range(value_range):
    """A range as two floats; raises ValueError unless it is `(low, high)` with low < high."""
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


def unit_images(references, images, value_range, channels=None, min_size=1):
    """Two batches of images as float32 in 0..1.

    Args:
        references, images: uint8 in 0..255, or floats in `value_range`, of one shape
            `(batch, height, width, channels)`.
        value_range: two floats, of floating images; uint8 images don't heed it.
        channels: int, or None for any number.
        min_size: int, least height and width.

    Returns:
        The two as tensors. Floats outside their range stay outside 0..1.

    Raises:
        TypeError: a dtype that is neither uint8 nor floating.
        ValueError: unequal shapes, another rank or number of channels, or too small images.
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
    # A compiled graph may know an axis of one of the two only.
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


def _unit(images, name, value_range):
    dtype = ops.dtype(images)
    if dtype == "uint8":
        low, high = 0.0, 255.0
    elif "float" in dtype:
        low, high = value_range
    else:
        raise TypeError(
            f"`{name}` must be uint8 (0..255) or floats in `value_range`. Received: dtype={dtype}"
        )
    return (ops.cast(images, "float32") - low) / (high - low)
