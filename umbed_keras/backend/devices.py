"""Training one model on several devices, each of which takes its share of every batch.

On JAX a `keras.distribution.DataParallel` splits batches, on TensorFlow the scope of a
`tf.distribute.MirroredStrategy`. On PyTorch several processes train, each with a model of its own,
after `torch.distributed.init_process_group` has been called. Every process must be given the same
data in the same order, and trains on its share.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
from keras import backend

from umbed_keras.backend.processes import process_group, replica_sum
from umbed_keras.typing import Tensor


def device_count(model: keras.Model) -> int:
    """Returns the number of devices among which the backend splits every batch.

    On PyTorch it is 1: there processes share batches, see `process_share`.

    Args:
        model: the model that trains.

    Examples:
        >>> device_count(keras.Sequential())
        1
    """
    if backend.backend() == "jax":
        distribution = keras.distribution.distribution()
        parallel = isinstance(distribution, keras.distribution.DataParallel)
        return distribution.num_model_replicas if parallel else 1
    if backend.backend() == "tensorflow":
        return model.distribute_strategy.num_replicas_in_sync
    return 1


def process_share() -> dict[str, int]:
    """Returns the share of every batch that this process trains on.

    Returns:
        Dictionary of `replicas`, the number of processes, and `share`, the number of this process
        from 0, as `umbed_keras.images.batches.ImageBatches` takes them. It is empty if this
        process trains alone.

    Examples:
        >>> process_share()
        {}
    """
    distributed = process_group()
    if distributed is None:
        return {}
    return {"replicas": distributed.get_world_size(), "share": distributed.get_rank()}


def share_of_loss(loss: Tensor) -> Tensor:
    """Returns a replica's part of the mean loss over replicas.

    TensorFlow adds up the gradients of its replicas, so that each loss is divided by their number.
    Other backends average gradients, and the loss stays as it is.

    Args:
        loss: float32 scalar tensor, the mean over this replica's images.

    Returns:
        float32 scalar tensor.

    Examples:
        >>> float(share_of_loss(keras.ops.convert_to_tensor(0.5)))
        0.5
    """
    if backend.backend() != "tensorflow":
        return loss
    import tensorflow as tf

    return loss / tf.distribute.get_strategy().num_replicas_in_sync


class TrainingProcesses:
    """Processes on PyTorch that train copies of one model and average their gradients.

    Gradients are averaged by `DistributedDataParallel` (Li et al. 2020): call this object in place
    of the function to differentiate. All copies start with the weights of process 0. Statistics of
    batches are averaged by `umbed_keras.backend.statistics.StatisticsUpdate`.

    Args:
        model: the `keras.Model` whose trainable variables learn.
        function: the function of a batch that uses them.

    Examples:
        >>> isinstance(training_processes(keras.Sequential(), print), TrainingProcesses)
        False
    """

    def __init__(self, model: Any, function: Callable[[Any], Any]) -> None:
        import torch

        learning = {id(variable) for variable in model.trainable_variables}

        class Training(torch.nn.Module):
            def __init__(self):
                super().__init__()
                # Weights that do not learn here, such as those of a network that is trainable
                # elsewhere, start alike too, and no gradient of them is waited for.
                for number, variable in enumerate(model.variables):
                    register = self.register_parameter
                    value = variable.value
                    if id(variable) not in learning:
                        register, value = self.register_buffer, value.detach()
                    register(f"variable_{number}", value)

            def forward(self, batch):
                return function(batch)

        self._parallel = torch.nn.parallel.DistributedDataParallel(
            Training(), broadcast_buffers=False
        )

    def __call__(self, batch: Any) -> Any:
        """Returns `function(batch)`, whose gradients will be averaged over processes."""
        return self._parallel(batch)

    @contextlib.contextmanager
    def summed(self, variables: Iterable[keras.Variable]) -> Iterator[None]:
        """Within it, variables read as their sums over all processes.

        Args:
            variables: the variables, such as the states of metrics.

        Returns:
            A context manager.
        """
        totals = [(variable, replica_sum(variable.value)) for variable in variables]
        with keras.StatelessScope(state_mapping=totals):
            yield


def training_processes(model: Any, function: Callable[[Any], Any]) -> TrainingProcesses | None:
    """Returns the processes that train a model together, or None if this one trains alone.

    Args:
        model: as in `TrainingProcesses`.
        function: as in `TrainingProcesses`.

    Examples:
        >>> print(training_processes(keras.Sequential(), print))
        None
    """
    return None if process_group() is None else TrainingProcesses(model, function)
