"""Computing without a record of gradients."""

import contextlib
from contextlib import AbstractContextManager
from typing import Any

from keras import backend


def unrecorded() -> AbstractContextManager[Any]:
    """Within it PyTorch keeps nothing for gradients.

    The other backends drop by themselves what `keras.ops.stop_gradient` cuts off.

    Returns:
        A context manager.

    Examples:
        >>> with unrecorded():
        ...     outputs = keras.ops.ones(2) * keras.Variable([1.0, 2.0])
        >>> getattr(outputs, "requires_grad", False)
        False
    """
    if backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    # Changed only where needed, because PyTorch's exporter follows every change.
    return torch.no_grad() if torch.is_grad_enabled() else contextlib.nullcontext()
