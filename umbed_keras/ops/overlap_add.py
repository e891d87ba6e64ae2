"""Overlapping patches, one around each pixel, averaged or summed into images."""

from keras import ops

from umbed_keras.ops.checks import as_indices
from umbed_keras.typing import ArrayLike, Tensor


def overlap_add(
    patches: ArrayLike, rows: ArrayLike, cols: ArrayLike, height: int, width: int
) -> Tensor:
    """Averages overlapping patches into images.

    The patch of pixel `(r, c)` covers rows `r - patch / 2` to `r + patch / 2 - 1`, and columns
    likewise, as level 0 of `patch_pyramid` does. Parts of patches outside the image are ignored.

    Args:
        patches: floating array `(batch, pixels, patch, patch, channels)`. `patch` is
            even.
        rows: integer array `(batch, pixels)`, from 0 to `height - 1`.
        cols: integer array `(batch, pixels)`, from 0 to `width - 1`.
        height: int, height of the images.
        width: int, width of the images.

    Returns:
        Tensor of shape `(batch, height, width, channels)` and the dtype of `patches`: at each
        pixel the mean over the patches that cover it, 0 where no patch does.

    Raises:
        TypeError: if `patches` are not floats, or `rows` or `cols` are not integers.
        ValueError: if a pixel lies outside its image.
        ValueError: if `patches` does not have five axes, is not square or has an odd side.
        ValueError: if the shape of `rows` or `cols` is not `(batch, pixels)`.

    Examples:
        >>> patches = np.ones((1, 1, 2, 2, 1), "float32")
        >>> image = uk.ops.overlap_add(patches, rows=[[1]], cols=[[2]], height=2, width=4)
        >>> keras.ops.convert_to_numpy(image)[0, :, :, 0].tolist()
        [[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]
    """
    patches = ops.convert_to_tensor(patches)
    if "float" not in ops.dtype(patches):
        # Sums of small integers would overflow.
        raise TypeError(f"`patches` must be floats. Received: dtype={ops.dtype(patches)}")
    rows, cols = as_indices("rows", rows, height), as_indices("cols", cols, width)
    if len(patches.shape) != 5 or patches.shape[2] != patches.shape[3] or patches.shape[2] % 2:
        raise ValueError(
            "`patches` must have shape (batch, pixels, patch, patch, channels) with an even "
            f"`patch`. Received: shape={tuple(patches.shape)}"
        )
    if tuple(rows.shape) != tuple(patches.shape[:2]) or rows.shape != cols.shape:
        raise ValueError(
            f"`rows` and `cols` must have shape (batch, pixels) = {tuple(patches.shape[:2])}. "
            f"Received: {tuple(rows.shape)} and {tuple(cols.shape)}"
        )
    batch, _, patch, _, channels = ops.shape(patches)
    steps = ops.arange(patch, dtype="int32") - patch // 2
    down = rows[:, :, None, None] + steps[:, None]
    right = cols[:, :, None, None] + steps[None, :]
    inside = (down >= 0) & (down < height) & (right >= 0) & (right < width)
    image = ops.arange(batch, dtype="int32")[:, None, None, None]
    # One more segment, the last one, collects everything outside the images.
    outside = batch * height * width
    index = ops.where(inside, (image * height + down) * width + right, outside)
    index = ops.reshape(index, (-1,))
    values = ops.reshape(patches, (-1, channels))
    sums = ops.segment_sum(values, index, num_segments=outside + 1)[:-1]
    counts = ops.segment_sum(ops.ones_like(values[:, :1]), index, num_segments=outside + 1)[:-1]
    return ops.reshape(sums / ops.maximum(counts, 1), (batch, height, width, channels))


def overlap_sum(patches: Tensor) -> Tensor:
    """Sums the patches around all pixels of a block.

    Args:
        patches: tensor `(batch, height, width, patch, patch, channels)`: the patch of
            every pixel of the block.

    Returns:
        Tensor of shape `(batch, height + patch - 1, width + patch - 1, channels)` and the dtype of
        `patches`. It begins `patch / 2` rows above and `patch / 2` columns left of the block.

    Examples:
        >>> sums = overlap_sum(keras.ops.ones((1, 1, 2, 2, 2, 1)))
        >>> keras.ops.convert_to_numpy(sums)[0, :, :, 0].tolist()
        [[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]
    """
    patch = patches.shape[3]
    rest = patch - 1
    # Rows first, as the values of a row are adjacent in memory. In place where tensors allow it.
    down = 0
    for step in range(patch):
        pad = ((0, 0), (step, rest - step), (0, 0), (0, 0), (0, 0))
        down += ops.pad(patches[:, :, :, step], pad)
    total = 0
    for step in range(patch):
        pad = ((0, 0), (0, 0), (step, rest - step), (0, 0))
        total += ops.pad(down[:, :, :, step], pad)
    return total


def coverage(size: int, patch_size: int) -> Tensor:
    """Counts how many patches cover each position of an axis if every position has a patch.

    Args:
        size: int, length of the axis.
        patch_size: int, side of a patch, even.

    Returns:
        int32 tensor `(size,)`, from 1 to `patch_size`.

    Examples:
        >>> keras.ops.convert_to_numpy(coverage(6, 4)).tolist()
        [3, 4, 4, 4, 3, 2]
    """
    half = patch_size // 2
    before = ops.arange(size, dtype="int32")
    after = ops.flip(before)
    return ops.minimum(before, half - 1) + 1 + ops.minimum(after, half)
