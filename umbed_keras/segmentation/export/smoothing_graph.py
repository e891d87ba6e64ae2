"""The filters of probability maps as tensor operations, for images of any size."""

from functools import partial
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.backend.exporting import exporting, reflect_axis, shorter_side, sum_windows
from umbed_keras.ops.guided_filter import filter_by_sums, guided_filter
from umbed_keras.segmentation.smoothing import (
    LEAST,
    RADII,
    RADIUS,
    GaussianSmoothing,
    as_smoothing,
)
from umbed_keras.typing import Tensor


def smoothed(probabilities: Tensor, guide: Tensor, smoothing: Any) -> Tensor:
    """Smooths probabilities as `PixelClassifier` does, of whole images with data everywhere.

    Args:
        probabilities: float32 tensor `(batch, height, width, classes)`.
        guide: float32 tensor `(batch, height, width, channels)`.
        smoothing: as in `PixelClassifier`.

    Returns:
        float32 tensor `(batch, height, width, classes)`.

    Examples:
        >>> probabilities = np.random.default_rng(0).random((1, 30, 20, 2), "float32")
        >>> guide = np.zeros((1, 30, 20, 1), "float32")
        >>> smooth = keras.ops.convert_to_numpy(smoothed(probabilities, guide, "guided"))
        >>> bool(smooth.std() < 0.3 * probabilities.std())
        True
    """
    height, width = ops.shape(guide)[1:3]
    known = isinstance(height, int) and isinstance(width, int)
    kind = as_smoothing(smoothing, min(height, width) if known else None)
    if isinstance(kind, GaussianSmoothing):
        return gaussian_blur(probabilities, kind.sigma)
    guide = gaussian_blur(guide, kind.blur)
    if exporting() and isinstance(smoothing, str):  # the radius follows the size
        radius = ops.clip(shorter_side(height, width) // RADII, 1, kind.radius)
        sums = partial(sum_windows, radius=radius, largest=kind.radius)
        weights = ops.ones_like(guide[..., 0])
        filtered = filter_by_sums(guide, probabilities, weights, sums, kind.epsilon)
    else:
        filtered = guided_filter(guide, probabilities, kind.radius, kind.epsilon)
    filtered = ops.clip(filtered, 0, 1)
    return filtered / ops.maximum(ops.sum(filtered, axis=-1, keepdims=True), LEAST)


def gaussian_blur(maps: Tensor, sigma: float) -> Tensor:
    """Applies a Gaussian filter, as `scipy.ndimage.gaussian_filter` does.

    Args:
        maps: float32 tensor `(batch, height, width, maps)`.
        sigma: float, standard deviation in pixels; 0 does nothing.

    Returns:
        float32 tensor of the shape of `maps`.

    Examples:
        >>> from scipy.ndimage import gaussian_filter
        >>> maps = np.random.default_rng(0).random((1, 5, 9, 1), "float32")
        >>> expected = gaussian_filter(maps[0, ..., 0], 1.5)
        >>> blurry = keras.ops.convert_to_numpy(gaussian_blur(maps, 1.5))[0, ..., 0]
        >>> bool(np.allclose(blurry, expected, atol=1e-6))
        True
    """
    radius = int(RADIUS * sigma + 0.5)
    if not radius:
        return maps
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype("float32")
    for axis, shape in ((1, (-1, 1, 1, 1)), (2, (1, -1, 1, 1))):
        columns = np.tile(kernel.reshape(shape), (1, 1, maps.shape[-1], 1))
        padded = _repeated_at_edges(maps, axis, radius)
        maps = ops.depthwise_conv(padded, columns, padding="valid", data_format="channels_last")
    return maps


def _repeated_at_edges(maps: Tensor, axis: int, count: int) -> Tensor:
    """Pads an axis by reflection that repeats the edge, as SciPy does."""
    if exporting():
        return reflect_axis(maps, axis, count, count, repeat_edge=True)
    size = maps.shape[axis]
    positions = np.arange(-count, size + count) % (2 * size)
    return ops.take(maps, np.minimum(positions, 2 * size - 1 - positions), axis=axis)
