"""Processes that train one model together on PyTorch.

TensorFlow's and JAX's variables reduce what replicas assign to them; on PyTorch nothing does.
"""

from keras import backend


def process_group():
    """`torch.distributed` where several processes train together, else None."""
    if backend.backend() != "torch":
        return None
    from torch import distributed

    together = distributed.is_available() and distributed.is_initialized()
    return distributed if together and distributed.get_world_size() > 1 else None


def replica_sum(values):
    """The sum of a tensor over processes, without derivative; elsewhere the tensor itself."""
    distributed = process_group()
    if distributed is None:
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total


def replica_mean(values):
    """The mean of a tensor over processes, without derivative; elsewhere the tensor itself."""
    distributed = process_group()
    return values if distributed is None else replica_sum(values) / distributed.get_world_size()


def replica_part(draw, shape):
    """This process's part of what is drawn for the images of all of them.

    Args:
        draw: function of a shape, that does the same in every process.
        shape: of this process's part, images first.
    """
    distributed = process_group()
    if distributed is None:
        return draw(shape)
    count = distributed.get_world_size()
    # Process p has images p, p + count, ... of the batch.
    return draw((count * shape[0], *shape[1:]))[distributed.get_rank() :: count]


def move_average(average, batch, decay):
    """Moves a running average, a variable, towards a batch's value, the mean of all replicas'."""
    average.assign(decay * average + (1 - decay) * replica_mean(batch))
