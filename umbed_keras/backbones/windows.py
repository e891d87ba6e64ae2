"""Overlapping square windows of images, and maps blended from those of the windows."""

from keras import ops

from umbed_keras.backend.exporting import count_up, larger, smallest, take
from umbed_keras.ops.reflect import reflect_pad
from umbed_keras.typing import Tensor

# Side of the windows of a model that takes any size: a multiple of patches of 14 and 16 pixels, and
# of the stride 32 of transformers with stages.
WINDOW = 448


def window_starts(size: int | Tensor, window: int | Tensor, step: int) -> Tensor:
    """Computes where overlapping windows start along an axis.

    They start at multiples of `step`, but for the last, which ends with the axis. An axis that is
    not longer than a window has one, which starts at 0.

    Args:
        size: int, length of the axis.
        window: int, length of a window.
        step: int, from the start of a window to that of the next.

    Returns:
        int32 tensor `(windows,)`.

    Examples:
        >>> [keras.ops.convert_to_numpy(window_starts(size, 8, 4)).tolist() for size in (6, 8, 18)]
        [[0], [0], [0, 4, 8, 10]]
    """
    beyond = larger(size - window, 0)
    return smallest(step * count_up((beyond + step - 1) // step + 1), beyond)


def cut_windows(images: Tensor, window: tuple[int, int], starts: tuple[Tensor, Tensor]) -> Tensor:
    """Cuts windows out of images, which are reflected where they are smaller.

    Args:
        images: tensor `(batch, height, width, channels)`.
        window: two ints, height and width of a window.
        starts: two int32 tensors, the first rows and the first columns of the windows.

    Returns:
        Tensor `(batch * rows * columns, *window, channels)`: of each image all windows in
        row-major order.

    Examples:
        >>> image = keras.ops.reshape(keras.ops.arange(5), (1, 1, 5, 1))
        >>> windows = cut_windows(image, (1, 3), (np.array([0]), np.array([0, 2])))
        >>> keras.ops.convert_to_numpy(windows)[:, 0, :, 0].tolist()
        [[0, 1, 2], [2, 3, 4]]
    """
    channels = images.shape[-1]
    starts = tuple(ops.convert_to_tensor(axis, "int32") for axis in starts)
    sizes = ops.shape(images)[1:3]
    # Only of images that are smaller than a window something is missing.
    pads = [(0, larger(side - size, 0)) for side, size in zip(window, sizes, strict=True)]
    images = reflect_pad(images, *pads)
    for axis in (1, 2):
        positions = starts[axis - 1][:, None] + count_up(window[axis - 1])
        images = take(images, ops.reshape(positions, (-1,)), axis=axis)
    counts = [ops.shape(axis)[0] for axis in starts]
    images = ops.reshape(images, (-1, counts[0], window[0], counts[1], window[1], channels))
    images = ops.transpose(images, (0, 1, 3, 2, 4, 5))
    return ops.reshape(images, (-1, *window, channels))


def blend_windows(
    maps: Tensor, starts: tuple[Tensor, Tensor], sizes: tuple[int | Tensor, int | Tensor]
) -> Tensor:
    """Blends the maps of overlapping windows.

    The weight of a window falls linearly from its middle towards its borders, in rows and columns.

    Args:
        maps: tensor `(batch * rows * columns, height, width, channels)`, maps of the windows, in
            the order of `cut_windows`.
        starts: two int32 tensors, the first rows and the first columns of the windows, in
            positions of the maps. Every position must be in a window.
        sizes: two ints, height and width of the result. What lies beyond is cut off.

    Returns:
        Tensor `(batch, *sizes, channels)`.

    Examples:
        >>> maps = np.array([[1, 1, 1, 1], [3, 3, 3, 3]], "float32").reshape(2, 1, 4, 1)
        >>> blended = blend_windows(maps, (np.array([0]), np.array([0, 2])), (1, 6))
        >>> keras.ops.convert_to_numpy(blended)[0, 0, :, 0].tolist()
        [1.0, 1.0, 1.5, 2.5, 3.0, 3.0]
    """
    channels = maps.shape[-1]
    height, width = ops.shape(maps)[1:3]
    maps = ops.convert_to_tensor(maps)
    starts = tuple(ops.convert_to_tensor(axis, "int32") for axis in starts)
    counts = [ops.shape(axis)[0] for axis in starts]
    maps = ops.reshape(maps, (-1, counts[0], counts[1], height, width, channels))
    maps = ops.transpose(maps, (0, 1, 3, 2, 4, 5))
    maps = ops.reshape(maps, (-1, counts[0] * height, counts[1] * width, channels))
    rows = _weights(starts[0], height, sizes[0], maps.dtype)
    cols = _weights(starts[1], width, sizes[1], maps.dtype)
    return ops.einsum("yp,xq,bpqc->byxc", rows, cols, maps)


def _weights(starts, window, size, dtype):
    """Returns the weights `(size, windows * window)` of the windows' positions along an axis."""
    inside = count_up(window)
    weights = ops.cast(ops.minimum(inside, window - 1 - inside), "float32") + 0.5
    positions = ops.reshape(starts[:, None] + inside, (1, -1))
    here = positions == count_up(size)[:, None]
    repeated = ops.zeros_like(starts, dtype="float32")[:, None] + weights
    weights = ops.reshape(repeated, (1, -1)) * ops.cast(here, "float32")
    return ops.cast(weights / ops.sum(weights, axis=1, keepdims=True), dtype)
