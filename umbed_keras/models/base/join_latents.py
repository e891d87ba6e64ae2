"""The sum of a model's linear path and its network."""

from keras import ops

from umbed_keras.typing import Tensor


def join_latents(linear: Tensor, content: Tensor) -> Tensor:
    """Adds the vectors of a linear path to the first entries of a network's, in float32.

    Args:
        linear: float32 tensor `(..., latent_dim)`. It is overwritten on backends whose tensors
            can be changed.
        content: tensor `(..., input_dim)` with `input_dim >= latent_dim`: the bottleneck's
            inputs, such as means followed by log-variances.

    Returns:
        float32 tensor `(..., input_dim)`.

    Examples:
        >>> sums = join_latents(keras.ops.ones((1, 2)), keras.ops.zeros((1, 4)))
        >>> keras.ops.convert_to_numpy(sums).tolist()
        [[1.0, 1.0, 0.0, 0.0]]
    """
    content = ops.cast(content, "float32")
    size = linear.shape[-1]
    linear += content[..., :size]
    if content.shape[-1] == size:
        return linear
    return ops.concatenate([linear, content[..., size:]], axis=-1)
