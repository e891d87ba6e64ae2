"""Patch pyramids: the neighbourhood of pixels at several scales."""

from keras import ops

from umbed_keras.ops.checks import as_indices, check_integers
from umbed_keras.ops.reflect import reflect_pad
from umbed_keras.typing import ArrayLike, Tensor


def check_geometry(patch_size: int, levels: int) -> None:
    """Checks the patch size and the number of levels of a patch pyramid.

    Args:
        patch_size: int, side of a patch.
        levels: int, number of levels.

    Raises:
        ValueError: if `patch_size` is not an even integer of at least 2.
        ValueError: if `levels` is not an integer of at least 1.

    Examples:
        >>> check_geometry(patch_size=8, levels=3)
        >>> check_geometry(patch_size=7, levels=3)
        Traceback (most recent call last):
        ValueError: `patch_size` must be even. Received: 7
    """
    check_integers(patch_size=(2, patch_size), levels=(1, levels))
    if patch_size % 2:
        raise ValueError(f"`patch_size` must be even. Received: {patch_size}")


def pyramid_radius(patch_size: int, levels: int) -> int:
    """Returns how far the coarsest window of a patch pyramid extends from its pixel.

    Args:
        patch_size: int, side of a patch, even.
        levels: int, number of levels.

    Returns:
        Distance in pixels above and left of the pixel. Below and to the right it is one less.

    Examples:
        >>> pyramid_radius(patch_size=8, levels=3)
        16
    """
    return (patch_size // 2) << (levels - 1)


def box_pyramid(padded: Tensor, patch_size: int, levels: int) -> list[Tensor]:
    """Averages images over the blocks of every level of a patch pyramid.

    Args:
        padded: floating tensor `(batch, height + 2 * radius - 1, width + 2 * radius - 1,
            channels)` with `radius = pyramid_radius(patch_size, levels)`: images with `radius`
            pixels of padding above and to the left, and one less below and to the right.
        patch_size: int, side of a patch in blocks, even.
        levels: int, number of levels.

    Returns:
        List with one tensor per level. Level l has shape `(batch, height + (patch_size - 1) * 2^l,
        width + (patch_size - 1) * 2^l, channels)`. Its entry `[:, r, c]` is the mean over the block
        of `2^l x 2^l` pixels that begins at row `r - (patch_size / 2) * 2^l` of the unpadded image,
        and at the column likewise.

    Examples:
        >>> padded = pad_for_pyramid(keras.ops.ones((1, 5, 5, 3)), patch_size=4, levels=2)
        >>> [tuple(level.shape) for level in box_pyramid(padded, patch_size=4, levels=2)]
        [(1, 8, 8, 3), (1, 11, 11, 3)]
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
        # `blocks` begins at -radius; the windows of this level begin closer to their pixels.
        start = radius - pyramid_radius(patch_size, level + 1)
        stop = ops.shape(blocks)[1] - start, ops.shape(blocks)[2] - start
        pyramid.append(blocks[:, start : stop[0], start : stop[1]])
    return pyramid


def pad_for_pyramid(images: Tensor, patch_size: int, levels: int) -> Tensor:
    """Pads images by reflection as far as `box_pyramid` needs.

    Args:
        images: tensor `(batch, height, width, channels)`.
        patch_size: int, side of a patch, even.
        levels: int, number of levels.

    Returns:
        Tensor of shape `(batch, height + 2 * radius - 1, width + 2 * radius - 1, channels)` with
        `radius = pyramid_radius(patch_size, levels)`.

    Examples:
        >>> tuple(pad_for_pyramid(keras.ops.ones((1, 5, 5, 3)), patch_size=4, levels=2).shape)
        (1, 12, 12, 3)
    """
    radius = pyramid_radius(patch_size, levels)
    return reflect_pad(images, (radius, radius - 1), (radius, radius - 1))


def gather_patches(
    pyramid: list[Tensor], rows: ArrayLike, cols: ArrayLike, patch_size: int
) -> Tensor:
    """Gathers the patches of chosen pixels from a `box_pyramid`.

    Args:
        pyramid: list of tensors, one per level, from `box_pyramid`.
        rows: integer array `(batch, pixels)`, inside the unpadded image.
        cols: integer array `(batch, pixels)`, inside the unpadded image.
        patch_size: int, side of a patch, that of `pyramid`.

    Returns:
        Tensor of shape `(batch, pixels, levels, patch_size, patch_size, channels)`.

    Examples:
        >>> padded = pad_for_pyramid(keras.ops.ones((1, 5, 5, 3)), patch_size=4, levels=2)
        >>> pyramid = box_pyramid(padded, patch_size=4, levels=2)
        >>> tuple(gather_patches(pyramid, [[0, 2]], [[3, 1]], patch_size=4).shape)
        (1, 2, 2, 4, 4, 3)
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


def patch_pyramid(
    images: ArrayLike, rows: ArrayLike, cols: ArrayLike, patch_size: int, levels: int
) -> Tensor:
    """Computes the patch pyramids of chosen pixels: their neighbourhood at several scales.

    Level l of pixel `(r, c)` is the window of rows `r - (patch_size / 2) * 2^l` to
    `r + (patch_size / 2) * 2^l - 1`, and columns likewise, averaged over blocks of `2^l x 2^l`
    pixels. Images of any size are continued by reflection without repeating the edge, as NumPy's
    mode `"reflect"` does. Memory grows with the number of chosen pixels, not with the image.

    Args:
        images: array `(batch, height, width, channels)`. Floating values keep their
            dtype; integers are averaged as float32.
        rows: integer array `(batch, pixels)`, from 0 to `height - 1`.
        cols: integer array `(batch, pixels)`, from 0 to `width - 1`.
        patch_size: int, side of a patch, even.
        levels: int, number of levels, at least 1.

    Returns:
        Tensor of shape `(batch, pixels, levels, patch_size, patch_size, channels)`.

    Raises:
        TypeError: if `images` are complex numbers, or `rows` or `cols` no integers.
        ValueError: if a pixel lies outside its image.
        ValueError: if `patch_size` is not an even integer of at least 2.
        ValueError: if `levels` is not an integer of at least 1.
        ValueError: if `images` does not have four axes.
        ValueError: if `rows` and `cols` do not have the same shape `(batch, pixels)`.

    Examples:
        >>> images = np.zeros((1, 20, 30, 3), "uint8")
        >>> patches = uk.ops.patch_pyramid(images, [[0, 9]], [[5, 29]], patch_size=4, levels=3)
        >>> tuple(patches.shape)
        (1, 2, 3, 4, 4, 3)
    """
    check_geometry(patch_size, levels)
    images = ops.convert_to_tensor(images)
    if "complex" in ops.dtype(images):
        raise TypeError(f"`images` must be real numbers. Received: dtype={ops.dtype(images)}")
    if len(images.shape) != 4:
        raise ValueError(
            "`images` must have shape (batch, height, width, channels). "
            f"Received: shape={tuple(images.shape)}"
        )
    rows = as_indices("rows", rows, images.shape[1])
    cols = as_indices("cols", cols, images.shape[2])
    shapes = {tuple(rows.shape), tuple(cols.shape)}
    if len(shapes) > 1 or len(rows.shape) != 2 or rows.shape[0] != images.shape[0]:
        raise ValueError(
            f"`rows` and `cols` must have one shape (batch, pixels), batch {images.shape[0]}. "
            f"Received: {tuple(rows.shape)} and {tuple(cols.shape)}"
        )
    if "float" not in ops.dtype(images):
        images = ops.cast(images, "float32")
    return gather_patches(
        box_pyramid(pad_for_pyramid(images, patch_size, levels), patch_size, levels),
        rows,
        cols,
        patch_size,
    )
