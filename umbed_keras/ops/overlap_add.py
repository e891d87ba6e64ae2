"""From the patches round pixels back to an image."""

from keras import ops


def overlap_add(patches, rows, cols, height, width):
    """Averages overlapping patches into images.

    The patch of pixel (r, c) covers rows `r - patch / 2 ... r + patch / 2 - 1` (columns alike),
    as level 0 of `patch_pyramid` does. What falls outside the image is dropped.

    Args:
        patches: `(batch, pixels, patch, patch, channels)`, floating; `patch` is even.
        rows, cols: integers `(batch, pixels)`, `0 <= row < height` and `0 <= col < width`.
        height, width: ints, size of the images.

    Returns:
        `(batch, height, width, channels)`: each pixel the mean over the patches that cover it,
        0 where none does.

    Raises:
        ValueError: arguments whose shapes do not match.
    """
    patches = ops.convert_to_tensor(patches)
    rows, cols = ops.cast(rows, "int32"), ops.cast(cols, "int32")
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
    # One more place, at the end, takes what falls outside.
    places = batch * height * width
    index = ops.where(inside, (image * height + down) * width + right, places)
    index = ops.reshape(index, (-1,))
    values = ops.reshape(patches, (-1, channels))
    sums = ops.segment_sum(values, index, num_segments=places + 1)[:-1]
    counts = ops.segment_sum(ops.ones_like(values[:, :1]), index, num_segments=places + 1)[:-1]
    return ops.reshape(sums / ops.maximum(counts, 1), (batch, height, width, channels))


def overlap_sum(patches):
    """The sum of the patches round every pixel of a block, where all pixels are there.

    Args:
        patches: `(batch, height, width, patch, patch, channels)`, the patch of every pixel.

    Returns:
        `(batch, height + patch - 1, width + patch - 1, channels)`, which begins `patch / 2` rows
        above and columns to the left of the block.
    """
    patch = patches.shape[3]
    rest = patch - 1
    # Rows first: their parts lie together in memory. In place where tensors can be.
    down = 0
    for step in range(patch):
        pad = ((0, 0), (step, rest - step), (0, 0), (0, 0), (0, 0))
        down += ops.pad(patches[:, :, :, step], pad)
    total = 0
    for step in range(patch):
        pad = ((0, 0), (0, 0), (step, rest - step), (0, 0))
        total += ops.pad(down[:, :, :, step], pad)
    return total


def coverage(size, patch_size):
    """How many patches along one axis of length `size` cover each position, where all are there.

    Returns:
        int32 tensor `(size,)`, from 1 to `patch_size`.
    """
    half = patch_size // 2
    before = ops.arange(size, dtype="int32")
    after = ops.flip(before)
    return ops.minimum(before, half - 1) + 1 + ops.minimum(after, half)
