"""Enlargement of a backbone's features that follows the edges of the image."""

import math

from keras import ops

from umbed_keras.ops.guided_filter import guided_filter
from umbed_keras.ops.reflect import reflect_pad
from umbed_keras.typing import Tensor

# The windows' radius in pixels and the penalty of slopes of the filter, and the standard deviation
# in pixels by which its guide is smoothed, which keeps noise out: those that suit classes as well.
RADIUS, EPSILON, BLUR = 16, 3e-4, 1.5
# Pixels that the smoothing of the guide reaches.
BLUR_RADIUS = 6
# Pixels around a vector on which the filter depends, beyond what the features depend on.
GUIDED_REACH = 2 * RADIUS
# Numbers in memory at once for each pixel, beside the vectors: the guide and its covariances.
GUIDED_FLOATS = 32


def follow_edges(images: Tensor, maps: Tensor) -> Tensor:
    """Smooths maps by the guided filter, whose guide are slightly smoothed images.

    Args:
        images: float32 tensor `(batch, height, width, channels)` in 0..1.
        maps: float32 tensor `(batch, height, width, units)`, linear functions of features that
            were enlarged from a coarse map.

    Returns:
        float32 tensor of the shape of `maps`.

    Examples:
        >>> image = np.zeros((1, 32, 48, 3), "float32")
        >>> image[:, :, 24:] = 1
        >>> maps = np.broadcast_to(np.linspace(0, 1, 48)[:, None], (1, 32, 48, 1))
        >>> sharp = keras.ops.convert_to_numpy(follow_edges(image, maps))[0, 16, :, 0]
        >>> bool(sharp[28] - sharp[19] > 2 * (maps[0, 0, 28, 0] - maps[0, 0, 19, 0]))
        True
    """
    return guided_filter(_smoothed(ops.convert_to_tensor(images)), maps, RADIUS, EPSILON)


def _smoothed(images):
    """Returns images after a Gaussian filter, reflected at the borders."""
    weights = [math.exp(-((step / BLUR) ** 2) / 2) for step in range(-BLUR_RADIUS, BLUR_RADIUS + 1)]
    height, width = ops.shape(images)[1:3]
    around = (BLUR_RADIUS, BLUR_RADIUS)
    padded = reflect_pad(images, around, (0, 0))
    images = sum(weight * padded[:, i : i + height] for i, weight in enumerate(weights))
    padded = reflect_pad(images, (0, 0), around)
    images = sum(weight * padded[:, :, i : i + width] for i, weight in enumerate(weights))
    return images / sum(weights) ** 2
