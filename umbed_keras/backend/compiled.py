"""Compiled inference on each backend."""

from collections.abc import Callable
from typing import Any

import keras
from keras import backend, ops


class CompiledMethod:
    """A method of a model for inference, compiled on JAX and TensorFlow.

    Call it with the arrays, tensors or dictionaries of them that the method takes. No gradients
    are recorded.

    Args:
        model: a built `keras.Model`.
        method: function of tensors, or of dictionaries of tensors, that reads variables of the
            model and assigns none.

    Examples:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])
        >>> compiled = CompiledMethod(model, model.call)
        >>> keras.ops.convert_to_numpy(compiled(np.array([[-1.0, 2.0]], "float32"))).tolist()
        [[0.0, 2.0]]
    """

    def __init__(self, model: keras.Model, method: Callable[..., Any]) -> None:
        self._variables = model.weights
        compilers = {
            "jax": self._jax,
            "openvino": self._openvino,
            "tensorflow": self._tensorflow,
            "torch": self._torch,
        }
        self._run = compilers[backend.backend()](method)

    def __call__(self, *arrays: Any) -> Any:
        """Returns the method's result for arrays or tensors."""
        return self._run(*keras.tree.map_structure(ops.convert_to_tensor, arrays))

    def _jax(self, method):
        import jax

        def stateless(values, *tensors):
            pairs = list(zip(self._variables, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                return method(*tensors)

        compiled = jax.jit(stateless)
        return lambda *tensors: compiled([v.value for v in self._variables], *tensors)

    def _openvino(self, method):
        def without_losses(*tensors):
            with keras.StatelessScope():
                return method(*tensors)

        return without_losses

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
