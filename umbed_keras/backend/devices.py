"""Training one model on several devices, each of which takes its share of every batch.

On JAX a `keras.distribution.DataParallel` splits batches, on TensorFlow the scope of a
`tf.distribute.MirroredStrategy`. On PyTorch processes do, each with a model of its own, once
`torch.distributed.init_process_group` has been called; every process must be given the same data in
the same order, and trains on its share.
"""

import contextlib

import keras
from keras import backend

from umbed_keras.backend.processes import process_group, replica_sum


def device_count(model):
    """Devices that share every batch, as the backend splits it; 1 on PyTorch."""
    if backend.backend() == "jax":
        distribution = keras.distribution.distribution()
        parallel = isinstance(distribution, keras.distribution.DataParallel)
        return distribution.num_model_replicas if parallel else 1
    if backend.backend() == "tensorflow":
        return model.distribute_strategy.num_replicas_in_sync
    return 1


def process_share():
    """Which share of every batch this process trains on, as arguments of `ImageBatches`."""
    distributed = process_group()
    if distributed is None:
        return {}
    return {"replicas": distributed.get_world_size(), "share": distributed.get_rank()}


def share_of_loss(loss):
    """A replica's loss as part of the mean over replicas, whose gradients TensorFlow adds up."""
    if backend.backend() != "tensorflow":
        return loss
    import tensorflow as tf

    return loss / tf.distribute.get_strategy().num_replicas_in_sync


@contextlib.contextmanager
def processes_together(model):
    """Within it, processes on PyTorch that call `fit` on a model average their gradients.

    By DistributedDataParallel (Li et al. 2020), which must be what is called; Keras calls the
    model. What training reports is of all processes' images. `evaluate` stays each process's own
    affair: callbacks may call it in one of them alone.
    """
    if process_group() is None:
        yield
        return
    import torch

    call, evaluate, get_metrics_result = model.call, model.evaluate, model.get_metrics_result

    class Training(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, inputs):
            return call(inputs, training=True)

    # Weights start as those of process 0. Statistics reduce themselves, see `replica_mean`.
    together = torch.nn.parallel.DistributedDataParallel(Training())

    def shared_call(inputs, training=False):
        return together(inputs) if training else call(inputs, training=False)

    def shared_metrics_result():
        totals = [(state, replica_sum(state.value)) for state in model.metrics_variables]
        with keras.StatelessScope(state_mapping=totals):
            return get_metrics_result()

    def own_evaluate(*args, **kwargs):
        model.get_metrics_result = get_metrics_result
        try:
            return evaluate(*args, **kwargs)
        finally:
            model.get_metrics_result = shared_metrics_result

    # Attributes of this model that hide its class's methods.
    model.call, model.evaluate = shared_call, own_evaluate
    model.get_metrics_result = shared_metrics_result
    try:
        yield
    finally:
        del model.call, model.evaluate, model.get_metrics_result
