"""Replicas that train one model together: reductions over them, and shares of random numbers.

On PyTorch each replica is a process, on TensorFlow a replica of a `tf.distribute.MirroredStrategy`.
JAX computes with arrays that span all devices, so that a sum over the batch is one over replicas.
"""

from collections.abc import Callable
from types import ModuleType

from keras import backend

from umbed_keras.typing import Shape, Tensor


def process_group() -> ModuleType | None:
    """Returns `torch.distributed` if several processes train together, else None.

    Examples:
        >>> process_group() is None
        True
    """
    if backend.backend() != "torch":
        return None
    from torch import distributed

    together = distributed.is_available() and distributed.is_initialized()
    return distributed if together and distributed.get_world_size() > 1 else None


def replica_sum(values: Tensor) -> Tensor:
    """Sums a tensor over replicas.

    Args:
        values: tensor, this replica's.

    Returns:
        Tensor like `values`, without derivative on PyTorch. `values` itself if there is one
        replica.

    Examples:
        >>> keras.ops.convert_to_numpy(replica_sum(keras.ops.ones(2))).tolist()
        [1.0, 1.0]
    """
    if backend.backend() == "tensorflow":
        return _tensorflow_sum(values)
    distributed = process_group()
    if distributed is None:
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def replica_part(draw: Callable[[Shape], Tensor], shape: Shape) -> Tensor:
    """Takes this process's part of random numbers that are drawn for the images of all processes.

    Args:
        draw: function of a shape that draws the same numbers in every process.
        shape: shape of this process's part, images first.

    Returns:
        What `draw` returns, of that shape.

    Examples:
        >>> tuple(replica_part(keras.ops.zeros, (2, 3)).shape)
        (2, 3)
    """
    distributed = process_group()
    if distributed is None:
        return draw(shape)
    count = distributed.get_world_size()
    # Process p has images p, p + count, ... of the batch.
    return draw((count * shape[0], *shape[1:]))[distributed.get_rank() :: count]


def _tensorflow_sum(values):
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)
