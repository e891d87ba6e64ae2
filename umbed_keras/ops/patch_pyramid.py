"""The multi-scale neighbourhood of pixels."""

from keras import ops

from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.reflect import reflect_pad


def check_geometry(patch_size, levels):
    """Raises ValueError unless `patch_size` is even and `levels` at least 1."""
    check_integers(patch_size=(2, patch_size), levels=(1, levels))
    if patch_size % 2:
        raise ValueError(f"`patch_size` must be even. Received: {patch_size}")


def pyramid_radius(patch_size, levels):
    """Pixels that the coarsest window reaches above and left of its pixel (one less beyond it)."""
    return (patch_size // 2) << (levels - 1)


def box_pyramid(padded, patch_size, levels):
    """An image averaged over every block of the pyramid's levels.

    Args:
        padded: `(batch, height + 2 radius - 1, width + 2 radius - 1, channels)`, floating: the
            image with `radius = pyramid_radius(patch_size, levels)` pixels of its surroundings
            above and to the left, one less below and to the right.
        patch_size: even int, side of a patch in blocks.
        levels: int, number of levels.

    Returns:
        List over levels of `(batch, height + patch_size * 2^level - 2^level,
        width + patch_size * 2^level - 2^level, channels)`. Entry `[r, c]` of level l is the mean
        over the `2^l x 2^l` block that begins at row `r - (patch_size / 2) 2^l` (columns alike).
    """
    radius = pyramid_radius(patch_size, levels)
    blocks = padded
    pyramid = []
    for level in range(levels):
        spacing = 1 << level
        if level:
            half = spacing // 2
            blocks = (blocks[:, half:] + blocks[:, :-half]) * 0.5
            blocks = (blocks[:, :, half:] + blocks[:, :, :-half]) * 0.5
        # `blocks` begins at -radius; this level's windows begin closer.
        start = radius - pyramid_radius(patch_size, level + 1)
        stop = ops.shape(blocks)[1] - start, ops.shape(blocks)[2] - start
        pyramid.append(blocks[:, start : stop[0], start : stop[1]])
    return pyramid


def reflected(images, patch_size, levels):
    """The images with the surroundings that `box_pyramid` needs, by reflection."""
    radius = pyramid_radius(patch_size, levels)
    return reflect_pad(images, (radius, radius - 1), (radius, radius - 1))


def gather_patches(pyramid, rows, cols, patch_size):
    """The patches of chosen pixels from a `box_pyramid`.

    Args:
        pyramid: list over levels, from `box_pyramid`.
        rows, cols: int `(batch, pixels)`, inside the image.
        patch_size: as in `box_pyramid`.

    Returns:
        `(batch, pixels, levels, patch_size, patch_size, channels)`.
    """
    rows, cols = ops.cast(rows, "int32"), ops.cast(cols, "int32")
    steps = ops.arange(patch_size, dtype="int32")
    patches = []
    for level, blocks in enumerate(pyramid):
        batch, height, width, channels = ops.shape(blocks)
        down = rows[:, :, None, None] + steps[:, None] * (1 << level)
        right = cols[:, :, None, None] + steps[None, :] * (1 << level)
        image = ops.arange(batch, dtype="int32")[:, None, None, None]
        index = (image * height + down) * width + right
        patches.append(ops.take(ops.reshape(blocks, (-1, channels)), index, axis=0))
    return ops.stack(patches, axis=2)


def patch_pyramid(images, rows, cols, patch_size, levels):
    """The patch pyramid of chosen pixels: their neighbourhood at several scales.

    Level l is the window of rows `r - (patch_size / 2) 2^l ... r + (patch_size / 2) 2^l - 1`
    (columns alike), averaged over blocks of `2^l x 2^l`; borders reflect without repeating the
    edge, for images of any size. Only the asked-for pixels are gathered.

    Args:
        images: `(batch, height, width, channels)`. Floating values keep their dtype; integers are
            averaged as float32.
        rows, cols: integers `(batch, pixels)`, `0 <= row < height` and `0 <= col < width`.
        patch_size: even int, side of a patch.
        levels: int, number of levels.

    Returns:
        `(batch, pixels, levels, patch_size, patch_size, channels)`.

    Raises:
        ValueError: an odd `patch_size`, `levels` below 1 or arguments of the wrong rank.
    """
    check_geometry(patch_size, levels)
    images = ops.convert_to_tensor(images)
    rows, cols = ops.convert_to_tensor(rows), ops.convert_to_tensor(cols)
    if len(images.shape) != 4:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels). "
            f"Received: shape={tuple(images.shape)}"
        )
    shapes = {tuple(rows.shape), tuple(cols.shape)}
    if len(shapes) > 1 or len(rows.shape) != 2 or rows.shape[0] != images.shape[0]:
        raise ValueError(
            f"`rows` and `cols` must have one shape (batch, pixels), batch {images.shape[0]}. "
            f"Received: {tuple(rows.shape)} and {tuple(cols.shape)}"
        )
    if "float" not in ops.dtype(images):
        images = ops.cast(images, "float32")
    return gather_patches(
        box_pyramid(reflected(images, patch_size, levels), patch_size, levels),
        rows,
        cols,
        patch_size,
    )
