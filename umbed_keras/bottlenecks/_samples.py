"""The latent vectors of a batch that count: in the loss, and in a bottleneck's statistics."""

from typing import NamedTuple

from keras import ops

from umbed_keras.backend.statistics import StatisticsUpdate
from umbed_keras.typing import Tensor


class Samples(NamedTuple):
    """Latent vectors as rows, those that count with weight 1, the others with weight 0.

    Attributes:
        vectors: float32 `(n, dim)` without derivative; 0 where the weight is.
        weights: float32 `(n,)`, 0 or 1.
        count: float32 scalar, the sum of the weights, at least 1.
        update: `StatisticsUpdate`, which changes nothing if no vector counts, or if one that
            counts has NaN or infinite entries.
    """

    vectors: Tensor
    weights: Tensor
    count: Tensor
    update: StatisticsUpdate


def samples_of(latents: Tensor, mask: Tensor | None = None) -> Samples:
    """Arranges a batch of latents as `Samples`.

    Args:
        latents: float32 `(..., dim)`.
        mask: bool `(...)`, False where a vector doesn't count; None if all count.

    Returns:
        `Samples`.

    Examples:
        >>> latents = keras.ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> samples = samples_of(latents, keras.ops.convert_to_tensor([True, False]))
        >>> keras.ops.convert_to_numpy(samples.weights).tolist(), float(samples.count)
        ([1.0, 0.0], 1.0)
    """
    vectors = ops.stop_gradient(ops.reshape(latents, (-1, latents.shape[-1])))
    if mask is None:
        weights = ops.ones(ops.shape(vectors)[:1], dtype="float32")
    else:
        mask = ops.reshape(mask, (-1,))
        weights = ops.cast(mask, "float32")
        vectors = ops.where(mask[:, None], vectors, 0.0)
    count = ops.sum(weights)
    valid = ops.logical_and(count > 0, ops.all(ops.isfinite(vectors)))
    return Samples(vectors, weights, ops.maximum(count, 1.0), StatisticsUpdate(valid))


def mean_over(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Computes the mean of values over the positions that count, and over trailing axes.

    Args:
        values: float32 `(..., ...)`, positions first.
        mask: bool over the positions, False where one doesn't count; None if all count.

    Returns:
        float32 scalar tensor; 0 if no position counts.

    Examples:
        >>> values = keras.ops.convert_to_tensor([[1.0, 3.0], [100.0, 100.0]])
        >>> float(mean_over(values, keras.ops.convert_to_tensor([True, False])))
        2.0
    """
    if mask is None:
        mean = ops.mean(values)
        # An empty mean is NaN. Only TensorFlow's graphs have sizes that aren't known here.
        return mean if all(values.shape) else ops.where(ops.size(values) > 0, mean, 0.0)
    mask = ops.reshape(mask, (*ops.shape(mask), *[1] * (len(values.shape) - len(mask.shape))))
    mask = ops.broadcast_to(mask, ops.shape(values))
    count = ops.maximum(ops.sum(ops.cast(mask, "float32")), 1.0)
    return ops.sum(ops.where(mask, values, 0.0)) / count
