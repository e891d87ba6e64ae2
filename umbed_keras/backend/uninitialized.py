"""Models whose weights have shapes and no values."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import keras

# Largest size of a tensor.
LARGEST = 1 << 24


@contextlib.contextmanager
def uninitialized_variables() -> Iterator[None]:
    """Lets layers create variables without allocating them.

    Inside the context a model can be made and the shapes of its weights read, whatever their size.
    The values of the variables must not be used.

    Keras on PyTorch computes a layer on ones where it can't tell the shape of its outputs without
    values. This fails for inputs of more than `LARGEST` numbers: nothing large is allocated.

    Examples:
        >>> with uninitialized_variables():
        ...     layer = keras.layers.Dense(1 << 20)
        ...     layer.build((None, 1 << 20))
        >>> tuple(layer.kernel.shape)
        (1048576, 1048576)
    """
    # The one use of Keras's internals in this package. Keras keeps a list of variables that wait
    # for a value and initializes them at the end of the scope, and has no public way to empty it.
    from keras.src.backend.common import global_state

    try:
        with _small_tensors(), keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def _small_tensors() -> contextlib.AbstractContextManager[Any]:
    """Returns a context in which PyTorch makes no large tensor of ones, in this thread."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    class Small(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if func is torch.ones and torch.device(kwargs.get("device", "cpu")).type != "meta":
                size = kwargs.get("size", args)
                if math.prod(size) > LARGEST:
                    raise ValueError(
                        f"A layer can't be made for inputs of the shape {tuple(size)}."
                    )
            return func(*args, **kwargs)

    return Small()
