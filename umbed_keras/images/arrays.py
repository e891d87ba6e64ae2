"""What counts as images."""

import numpy as np
from keras import ops

ALLOWED = "uint8 (0..255) or floats in 0..1, channels last"
# Resampling overshoots by rounding; more than this is another scale.
RANGE_SLACK = 1e-3


def to_host(images):
    """A NumPy array of any backend's tensor, or of what NumPy reads."""
    if hasattr(images, "detach"):  # a torch tensor, whichever backend Keras runs on
        images = images.detach().cpu().numpy()
    elif ops.is_tensor(images):
        images = ops.convert_to_numpy(images)
    return np.asarray(images)


def check_shape(shape, channels):
    """Raises ValueError unless a shape is `(batch, height, width, channels)`."""
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


def check_images(images, channels):
    """Images on the host, checked.

    Args:
        images: array or tensor, `(batch, height, width, channels)`.
        channels: int.

    Returns:
        NumPy array, uint8 or float32.

    Raises:
        TypeError: a dtype that is neither uint8 nor floating.
        ValueError: another rank or number of channels, no pixels, NaN or values outside 0..1.
    """
    images = to_host(images)
    check_shape(images.shape, channels)
    if images.shape[1] == 0 or images.shape[2] == 0:
        raise ValueError(f"`images` must have pixels. Received: shape={images.shape}")
    if images.dtype == np.uint8:
        return images
    # NumPy's `issubdtype` doesn't know bfloat16, which JAX arrays bring along.
    if "float" not in images.dtype.name:
        raise TypeError(f"`images` must be {ALLOWED}. Received: dtype={images.dtype}")
    images = images.astype("float32", copy=False)
    if images.size:
        low, high = float(images.min()), float(images.max())
        if not (low >= -RANGE_SLACK and high <= 1 + RANGE_SLACK):  # NaN fails too
            raise ValueError(
                f"`images` must be {ALLOWED}. Received floats from {low:g} to {high:g}."
            )
    return images


def to_float(images):
    """Images in the graph as float32 in 0..1."""
    if ops.dtype(images) == "uint8":
        return ops.cast(images, "float32") / 255.0
    if "float" not in ops.dtype(images):
        raise TypeError(f"`images` must be {ALLOWED}. Received: dtype={ops.dtype(images)}")
    return ops.cast(images, "float32")
