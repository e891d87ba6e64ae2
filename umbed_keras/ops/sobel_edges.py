"""Image gradients."""

from keras import ops

from umbed_keras.ops.reflect import reflect_pad


def sobel_edges(images):
    """Vertical and horizontal gradients by the Sobel operator, borders reflected.

    Args:
        images: `(batch, height, width, channels)`, floating.

    Returns:
        `(batch, height, width, channels, 2)`: change along rows' numbers and along columns',
        for a step of one pixel (the operator's weights divided by 8).
    """
    padded = reflect_pad(images, (1, 1), (1, 1))
    gradients = []
    for axis, other in ((1, 2), (2, 1)):
        before, _, after = _shifted(padded, axis)
        difference = (after - before) / 2
        low, middle, high = _shifted(difference, other)
        gradients.append((low + 2 * middle + high) / 4)
    return ops.stack(gradients, axis=-1)


def _shifted(images, axis):
    """Images without the last two, the outer two and the first two places of an axis."""
    size = ops.shape(images)[axis] - 2
    before = [slice(None)] * axis
    return [images[(*before, slice(start, start + size))] for start in range(3)]
