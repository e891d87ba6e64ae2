"""Images from the overlapping patches of all their pixels."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from umbed_keras.ops.overlap_add import coverage
from umbed_keras.typing import ArrayLike, Codes, Tensor


def average_overlaps(sums: ArrayLike, patch_size: int) -> Tensor:
    """Divides sums of overlapping patches by the number of patches at each pixel.

    Args:
        sums: float32, `(batch, height + patch_size - 1, width + patch_size - 1, channels)`,
            the sums of the patches around all pixels of an image, as
            `umbed_keras.ops.overlap_add.overlap_sum` returns them.
        patch_size: even int, side of a patch in pixels.

    Returns:
        float32 tensor `(batch, height, width, channels)`: the mean of the patches at each pixel.

    Examples:
        >>> from umbed_keras.ops.overlap_add import overlap_sum
        >>> patches = keras.ops.full((1, 5, 6, 4, 4, 3), 0.5)  # one patch for every pixel
        >>> image = average_overlaps(overlap_sum(patches), patch_size=4)
        >>> tuple(image.shape), float(keras.ops.max(image)), float(keras.ops.min(image))
        ((1, 5, 6, 3), 0.5, 0.5)
    """
    half, rest = patch_size // 2, patch_size - 1
    height, width = (size - rest for size in ops.shape(sums)[1:3])
    rows, cols = (ops.cast(coverage(size, patch_size), "float32") for size in (height, width))
    inside = ops.convert_to_tensor(sums)[:, half : half + height, half : half + width]
    return inside / (rows[:, None, None] * cols[:, None])


def average_in_blocks(
    sum_patches: Callable[..., Tensor],
    source: np.ndarray | Codes,
    patch_size: int,
    channels: int,
    block_pixels: int,
) -> np.ndarray:
    """Averages the overlapping patches of all pixels, a few rows of pixels at a time.

    The patches of a block are summed before the next block is decoded, so that the patches of all
    pixels never exist at once.

    Args:
        sum_patches: callable from a block of `source` `(1, rows, width, ...)` to the sums of its
            patches, `(1, rows + patch_size - 1, width + patch_size - 1, channels)`.
        source: NumPy array `(batch, height, width, ...)`, or a dictionary of such arrays.
        patch_size: even int, side of a patch in pixels.
        channels: int, channels of the images.
        block_pixels: int, approximate number of pixels in a block.

    Returns:
        NumPy float32 array `(batch, height, width, channels)`.

    Examples:
        >>> from umbed_keras.ops.overlap_add import overlap_sum
        >>> values = np.full((1, 5, 6, 1), 0.5, "float32")
        >>> def sum_patches(block):
        ...     patches = keras.ops.repeat(block[..., None, None, :], 4, axis=3)
        ...     return overlap_sum(keras.ops.repeat(patches, 4, axis=4))
        >>> image = average_in_blocks(sum_patches, values, 4, channels=1, block_pixels=12)
        >>> image.shape, image.min().tolist(), image.max().tolist()
        ((1, 5, 6, 1), 0.5, 0.5)
    """
    batch, height, width = keras.tree.flatten(source)[0].shape[:3]
    rest = patch_size - 1
    step = max(1, block_pixels // width)
    images = np.empty((batch, height, width, channels), "float32")
    for index in range(batch):
        total = np.zeros((1, height + rest, width + rest, channels), "float32")
        for start in range(0, height, step):
            stop = min(start + step, height)
            block = keras.tree.map_structure(
                lambda part, rows=np.s_[index : index + 1, start:stop]: part[rows], source
            )
            total[:, start : stop + rest] += ops.convert_to_numpy(sum_patches(block))
        images[index] = ops.convert_to_numpy(average_overlaps(total, patch_size))[0]
    return images
