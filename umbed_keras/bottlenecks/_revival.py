"""Brings entries of a codebook or dictionary that nothing uses back to life."""

import numpy as np
from keras import ops


def revival_plan(usage, threshold):
    """Which entries are dead, which live ones they split, and the usage afterwards.

    A function of the usage alone: replicas that reduced it the same plan the same.

    Args:
        usage: `(num_entries,)` float32, a running share of use.
        threshold: float; an entry is dead below `threshold` times the mean usage.

    Returns:
        dead `(num_entries,)` bool; donors `(num_entries,)` int32, for each dead entry a much-used
        live one, for each live entry itself; usage `(num_entries,)`, each donor's shared equally
        among itself and those who split it.
    """
    num_entries = usage.shape[0]
    dead = usage < threshold * ops.mean(usage)
    order = ops.argsort(-usage)
    living = ops.maximum(ops.sum(ops.cast(ops.logical_not(dead), "int32")), 1)
    rank = ops.cumsum(ops.cast(dead, "int32")) - 1
    donors = ops.cast(ops.take(order, ops.mod(ops.maximum(rank, 0), living)), "int32")
    donors = ops.where(dead, donors, ops.arange(num_entries, dtype="int32"))
    takers = ops.sum(ops.one_hot(donors, num_entries, dtype="float32"), axis=0)
    shared = ops.take(usage, donors) / ops.maximum(ops.take(takers, donors), 1)
    return dead, donors, shared


def directions(num_entries, dim):
    """Fixed random unit vectors `(num_entries, dim)`, the way a revived entry leaves its donor."""
    vectors = np.random.default_rng(0).normal(size=(num_entries, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
