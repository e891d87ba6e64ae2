"""Image gradients by the Sobel operator."""

from keras import ops

from umbed_keras.ops.reflect import reflect_pad
from umbed_keras.typing import Tensor


def sobel_edges(images: Tensor) -> Tensor:
    """Computes vertical and horizontal gradients by the Sobel operator, with reflected borders.

    The weights of the operator are divided by 8, so that a gradient is the change per pixel.

    Args:
        images: floating tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of shape `(batch, height, width, channels, 2)` and the dtype of `images`: the change
        from row to row, then the change from column to column.

    Examples:
        >>> ramp = keras.ops.reshape(keras.ops.arange(12, dtype="float32"), (1, 3, 4, 1))
        >>> keras.ops.convert_to_numpy(sobel_edges(ramp))[0, 1, 1, 0].tolist()
        [4.0, 1.0]
    """
    padded = reflect_pad(images, (1, 1), (1, 1))
    gradients = []
    for axis, other in ((1, 2), (2, 1)):
        before, _, after = _shifted(padded, axis)
        difference = (after - before) / 2
        low, middle, high = _shifted(difference, other)
        gradients.append((low + 2 * middle + high) / 4)
    return ops.stack(gradients, axis=-1)


def _shifted(images: Tensor, axis: int) -> list[Tensor]:
    """Returns three views of images along an axis, each shifted by one more position."""
    size = ops.shape(images)[axis] - 2
    before = [slice(None)] * axis
    return [images[(*before, slice(start, start + size))] for start in range(3)]
