"""Padding of images by reflection, for images of any size."""

from keras import ops

from umbed_keras.backend.exporting import exporting, reflect_axis
from umbed_keras.typing import ArrayLike, Tensor


def reflect_index(positions: ArrayLike, size: int | Tensor) -> Tensor:
    """Maps positions outside an axis to positions inside it, by reflection.

    The edge is not repeated, as in NumPy's mode `"reflect"`.

    Args:
        positions: integer array of any shape, at any distance from the axis.
        size: int, length of the axis, at least 1. All positions of an axis of length 1 map to 0.

    Returns:
        int32 tensor with the shape of `positions`, from 0 to `size - 1`.

    Examples:
        >>> keras.ops.convert_to_numpy(reflect_index([-2, -1, 0, 3, 4, 5], 4)).tolist()
        [2, 1, 0, 3, 2, 1]
    """
    # An axis of length 1 has period 1, under which every position is 0.
    positions = ops.cast(positions, "int32")
    period = ops.maximum(2 * (size - 1), 1)
    folded = ops.mod(positions, period)
    return ops.minimum(folded, period - folded)


def reflect_pad(images: Tensor, rows: tuple[int, int], cols: tuple[int, int]) -> Tensor:
    """Pads height and width by reflection without repeating the edge.

    Args:
        images: tensor `(batch, height, width, channels)` and any dtype. Height and width
            are at least 1.
        rows: two ints, number of rows added above and below.
        cols: two ints, number of columns added to the left and to the right.

    Returns:
        Tensor of shape `(batch, rows[0] + height + rows[1], cols[0] + width + cols[1], channels)`
        and the dtype of `images`.

    Examples:
        >>> image = keras.ops.reshape(keras.ops.arange(3), (1, 1, 3, 1))
        >>> padded = reflect_pad(image, rows=(0, 1), cols=(2, 1))
        >>> keras.ops.convert_to_numpy(padded)[0, :, :, 0].tolist()
        [[2, 1, 0, 1, 2, 1], [2, 1, 0, 1, 2, 1]]
    """
    pads = (tuple(rows), tuple(cols))
    # In a TensorFlow graph they may be tensors, whose values are not known.
    known = all(isinstance(count, int) for pad in pads for count in pad)
    if known and pads == ((0, 0), (0, 0)):
        return images
    if exporting():
        for axis, pad in zip((1, 2), pads, strict=True):
            images = reflect_axis(images, axis, *pad)
        return images
    sizes = images.shape[1:3]
    # PyTorch's reflection does not accept an empty batch.
    if (
        known
        and images.shape[0] != 0
        and all(size is not None and size > max(pad) for size, pad in zip(sizes, pads, strict=True))
    ):
        return ops.pad(images, ((0, 0), *pads, (0, 0)), mode="reflect")
    # The reflection of Keras needs images larger than the pad.
    for axis, (before, after) in zip((1, 2), pads, strict=True):
        size = ops.shape(images)[axis]
        positions = ops.arange(-before, size + after, dtype="int32")
        images = ops.take(images, reflect_index(positions, size), axis=axis)
    return images


def reflect_to_multiples(images: Tensor, stride: int) -> Tensor:
    """Pads images below and to the right, by reflection, to the next multiples of `stride`.

    Args:
        images: tensor `(batch, height, width, channels)` and any dtype. Height and width
            are at least 1.
        stride: int, number of which height and width become multiples.

    Returns:
        Tensor of shape `(batch, rows * stride, cols * stride, channels)` and the dtype of
        `images`.

    Examples:
        >>> tuple(reflect_to_multiples(keras.ops.ones((1, 5, 8, 3)), 4).shape)
        (1, 8, 8, 3)
    """
    _, height, width, _ = ops.shape(images)
    # In this form an exporter, to which the sizes are unknown, recognises multiples.
    pads = ((0, (size + stride - 1) // stride * stride - size) for size in (height, width))
    return reflect_pad(images, *pads)
