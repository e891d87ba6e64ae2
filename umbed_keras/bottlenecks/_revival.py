"""Revival of codebook entries and atoms that hardly any latent uses."""

import numpy as np
from keras import ops

from umbed_keras.typing import Tensor


def revival_plan(usage: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Chooses a much-used donor for every dead entry.

    It depends on the usage alone, so replicas with the same usage make the same plan.

    Args:
        usage: float32 `(num_entries,)`, running share of use.
        threshold: float; an entry is dead below `threshold` times the mean usage.

    Returns:
        Tuple of

        - dead: bool `(num_entries,)`;
        - donors: int32 `(num_entries,)`, for each dead entry a much-used living one, for each
          living entry itself;
        - shared usage: float32 `(num_entries,)`, each donor's usage divided equally among itself
          and the entries that it revives.

    Examples:
        >>> usage = keras.ops.convert_to_tensor([0.4, 0.0, 0.6])
        >>> dead, donors, shared = revival_plan(usage, threshold=0.01)
        >>> keras.ops.convert_to_numpy(donors).tolist()
        [0, 2, 2]
        >>> np.round(keras.ops.convert_to_numpy(shared), 3).tolist()
        [0.4, 0.3, 0.3]
    """
    num_entries = usage.shape[0]
    dead = usage < threshold * ops.mean(usage)
    order = ops.argsort(-usage)
    num_living = ops.maximum(ops.sum(ops.cast(ops.logical_not(dead), "int32")), 1)
    rank = ops.cumsum(ops.cast(dead, "int32")) - 1
    donors = ops.cast(ops.take(order, ops.mod(ops.maximum(rank, 0), num_living)), "int32")
    donors = ops.where(dead, donors, ops.arange(num_entries, dtype="int32"))
    takers = ops.sum(ops.one_hot(donors, num_entries, dtype="float32"), axis=0)
    shared = ops.take(usage, donors) / ops.maximum(ops.take(takers, donors), 1)
    return dead, donors, shared


def directions(num_entries: int, dim: int) -> np.ndarray:
    """Draws fixed random unit vectors, in which revived entries leave their donors.

    Args:
        num_entries: int.
        dim: int.

    Returns:
        float32 array `(num_entries, dim)`, the same at every call.

    Examples:
        >>> np.linalg.norm(directions(3, 4), axis=1).round(3).tolist()
        [1.0, 1.0, 1.0]
    """
    vectors = np.random.default_rng(0).normal(size=(num_entries, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
