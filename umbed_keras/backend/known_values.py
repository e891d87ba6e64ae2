"""Values that can be looked at while a function runs, as long as it is not compiled."""

from typing import Any

import numpy as np
from keras import KerasTensor, Variable, backend, ops


def is_known(values: Any) -> bool:
    """Returns whether a number, array or tensor has values now, and not only a shape.

    Args:
        values: as in `known_values`.

    Examples:
        >>> is_known(keras.ops.ones(2)), is_known(keras.Input((2,)))
        (True, False)
    """
    if isinstance(values, KerasTensor):
        return False
    return not ops.is_tensor(values) or _IS_KNOWN[backend.backend()](values)


def known_values(values: Any) -> np.ndarray | None:
    """Returns the values of an array, or None where only its shape is known.

    Args:
        values: number, array, variable or tensor of the backend.

    Returns:
        NumPy array on the host; None for a symbolic tensor, and in a function that is being
        compiled, exported or vectorised.

    Examples:
        >>> known_values(keras.ops.ones(2)).tolist()
        [1.0, 1.0]
        >>> known_values(keras.Input((2,))) is None
        True
    """
    if isinstance(values, Variable):
        values = ops.convert_to_tensor(values)
    if not is_known(values):
        return None
    return ops.convert_to_numpy(values) if ops.is_tensor(values) else np.asarray(values)


def _torch_knows(tensor):
    import torch

    if torch.compiler.is_compiling() or tensor.device.type == "meta":
        return False
    # Inside `torch.func.vmap` and `grad`.
    return not torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def _jax_knows(tensor):
    import jax

    return not isinstance(tensor, jax.core.Tracer)


def _tensorflow_knows(tensor):
    import tensorflow as tf

    return tf.executing_eagerly() and not tf.is_symbolic_tensor(tensor)


def _openvino_knows(tensor):
    # All else is a graph, which may have inputs.
    return tensor.output.get_node().get_type_name() == "Constant"


_IS_KNOWN = {
    "torch": _torch_knows,
    "jax": _jax_knows,
    "tensorflow": _tensorflow_knows,
    "openvino": _openvino_knows,
}
