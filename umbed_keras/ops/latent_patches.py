"""Patches of a map of latents as one vector each, and back."""

from keras import ops


def to_patches(latents, patch_size):
    """Joins the vectors of every patch, channel by channel.

    Args:
        latents: `(batch, height, width, channels)`, sizes multiples of `patch_size`.
        patch_size: int.

    Returns:
        `(batch, height / patch_size, width / patch_size, channels * patch_size^2)`.
    """
    if patch_size == 1:
        return latents
    batch, height, width, channels = ops.shape(latents)
    rows, cols = height // patch_size, width // patch_size
    blocks = ops.reshape(latents, (batch, rows, patch_size, cols, patch_size, channels))
    # Channels first, so that a half of the channels is a half of the joined vector.
    blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
    return ops.reshape(blocks, (batch, rows, cols, channels * patch_size**2))


def from_patches(vectors, patch_size):
    """The map of latents whose patches are the vectors: undoes `to_patches`."""
    if patch_size == 1:
        return vectors
    batch, rows, cols, size = ops.shape(vectors)
    channels = size // patch_size**2
    blocks = ops.reshape(vectors, (batch, rows, cols, channels, patch_size, patch_size))
    blocks = ops.transpose(blocks, (0, 1, 4, 2, 5, 3))
    return ops.reshape(blocks, (batch, rows * patch_size, cols * patch_size, channels))
