"""Reflection at image borders, for any size."""

from keras import ops

from umbed_keras.backend.exporting import exporting, reflect_axis


def reflect_index(positions, size):
    """Where reflection without repeating the edge (numpy's `reflect`) finds each position.

    Args:
        positions: int tensor, any shape; may lie any distance outside.
        size: int, length of the axis. An axis of length 1 repeats.

    Returns:
        int32 tensor of the same shape, from 0 to `size - 1`.
    """
    # An axis of length 1 has period 1, under which every position is 0.
    positions = ops.cast(positions, "int32")
    period = ops.maximum(2 * (size - 1), 1)
    folded = ops.mod(positions, period)
    return ops.minimum(folded, period - folded)


def reflect_pad(images, rows, cols):
    """Pads height and width by reflection without repeating the edge.

    Args:
        images: `(batch, height, width, channels)`, any dtype and size from 1 pixel up.
        rows: pair of ints, rows added above and below.
        cols: pair of ints, columns added to the left and right.

    Returns:
        `(batch, rows[0] + height + rows[1], cols[0] + width + cols[1], channels)`.
    """
    pads = (tuple(rows), tuple(cols))
    # In a graph of TensorFlow's they may be tensors, of which nothing can be asked.
    known = all(isinstance(count, int) for pad in pads for count in pad)
    if known and pads == ((0, 0), (0, 0)):
        return images
    if exporting():
        for axis, pad in zip((1, 2), pads, strict=True):
            images = reflect_axis(images, axis, *pad)
        return images
    sizes = images.shape[1:3]
    # An empty batch is more than torch's reflection can take.
    if (
        known
        and images.shape[0] != 0
        and all(size is not None and size > max(pad) for size, pad in zip(sizes, pads, strict=True))
    ):
        return ops.pad(images, ((0, 0), *pads, (0, 0)), mode="reflect")
    # Keras's own reflection needs images larger than the pad.
    for axis, (before, after) in zip((1, 2), pads, strict=True):
        size = ops.shape(images)[axis]
        positions = ops.arange(-before, size + after, dtype="int32")
        images = ops.take(images, reflect_index(positions, size), axis=axis)
    return images


def reflect_to_multiples(images, stride):
    """Pads below and to the right, by reflection, to the next multiples of `stride`.

    Args:
        images: `(batch, height, width, channels)`, any dtype and size from 1 pixel up.
        stride: int.

    Returns:
        `(batch, rows * stride, cols * stride, channels)`.
    """
    _, height, width, _ = ops.shape(images)
    # Written so that an exporter, which doesn't know the sizes, sees multiples.
    pads = ((0, (size + stride - 1) // stride * stride - size) for size in (height, width))
    return reflect_pad(images, *pads)
