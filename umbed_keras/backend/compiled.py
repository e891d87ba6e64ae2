"""Runs a model's method for inference the way each backend likes best."""

import keras
from keras import backend, ops


class CompiledMethod:
    """`method(*tensors)` of a model, without gradients; compiled on JAX and TensorFlow.

    Args:
        model: a built `keras.Model`.
        method: function of tensors, or dictionaries of them, that reads the model's variables
            and assigns none.
    """

    def __init__(self, model, method):
        self._variables = model.weights
        self._run = {"jax": self._jax, "tensorflow": self._tensorflow}.get(
            backend.backend(), self._torch
        )(method)

    def __call__(self, *arrays):
        return self._run(*keras.tree.map_structure(ops.convert_to_tensor, arrays))

    def _jax(self, method):
        import jax

        def stateless(values, *tensors):
            pairs = list(zip(self._variables, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                return method(*tensors)

        compiled = jax.jit(stateless)
        return lambda *tensors: compiled([v.value for v in self._variables], *tensors)

    def _tensorflow(self, method):
        import tensorflow as tf

        def without_losses(*tensors):
            # Losses that layers add would outlive the graph that they belong to.
            with keras.StatelessScope():
                return method(*tensors)

        return tf.function(without_losses)

    def _torch(self, method):
        import torch

        def without_gradients(*tensors):
            with torch.no_grad(), keras.StatelessScope():
                return method(*tensors)

        return without_gradients
