"""Joins the vectors of each patch of a map of latents into one vector, and splits them again."""

from keras import ops

from umbed_keras.typing import Tensor


def to_patches(latents: Tensor, patch_size: int) -> Tensor:
    """Joins the vectors of each patch into one vector, channel by channel.

    Args:
        latents: tensor `(batch, height, width, channels)`. `height` and `width` are
            multiples of `patch_size`.
        patch_size: int, side of a patch, at least 1.

    Returns:
        Tensor of shape `(batch, height / patch_size, width / patch_size,
        channels * patch_size**2)` and the dtype of `latents`.

    Examples:
        >>> vectors = to_patches(keras.ops.zeros((1, 6, 4, 3)), 2)
        >>> tuple(vectors.shape)
        (1, 3, 2, 12)
        >>> tuple(from_patches(vectors, 2).shape)
        (1, 6, 4, 3)
    """
    if patch_size == 1:
        return latents
    batch, height, width, channels = ops.shape(latents)
    rows, cols = height // patch_size, width // patch_size
    blocks = ops.reshape(latents, (batch, rows, patch_size, cols, patch_size, channels))
    # Channels come first, so that half of the channels is half of the joined vector.
    blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
    return ops.reshape(blocks, (batch, rows, cols, channels * patch_size**2))


def from_patches(vectors: Tensor, patch_size: int) -> Tensor:
    """Splits joined vectors into the vectors of their patches; the inverse of `to_patches`.

    Args:
        vectors: tensor `(batch, rows, cols, channels * patch_size**2)`.
        patch_size: int, side of a patch, at least 1.

    Returns:
        Tensor of shape `(batch, rows * patch_size, cols * patch_size, channels)` and the dtype of
        `vectors`.

    Examples:
        >>> tuple(from_patches(keras.ops.zeros((1, 3, 2, 12)), 2).shape)
        (1, 6, 4, 3)
    """
    if patch_size == 1:
        return vectors
    batch, rows, cols, size = ops.shape(vectors)
    channels = size // patch_size**2
    blocks = ops.reshape(vectors, (batch, rows, cols, channels, patch_size, patch_size))
    blocks = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
    return ops.reshape(blocks, (batch, rows * patch_size, cols * patch_size, channels))
