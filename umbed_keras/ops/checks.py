"""Checks of numeric arguments, with error messages that name the argument.

Every package uses them on the arguments of its public classes and functions. A keyword of a check
is the name of the argument; its value is a pair of the lower bound and the argument's value.
"""

import numbers
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.backend.known_values import is_known
from umbed_keras.typing import ArrayLike, Tensor


def check_at_least(**sizes: tuple[float, Any]) -> None:
    """Checks that numbers do not lie below their lower bounds.

    Args:
        **sizes: For each argument its name, and `(lower bound, value)`.

    Raises:
        ValueError: if a value is below its lower bound or is NaN.

    Examples:
        >>> check_at_least(kl_weight=(0, 0.5))
        >>> check_at_least(kl_weight=(0, -1.0))
        Traceback (most recent call last):
        ValueError: `kl_weight` must be at least 0. Received: -1.0
    """
    for name, (least, value) in sizes.items():
        if not value >= least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {value}")


def check_integers(**sizes: tuple[int, Any]) -> None:
    """Checks that values are integers that do not lie below their lower bounds.

    Floats without a fractional part, such as `4.0`, and NumPy integers pass; booleans do not.

    Args:
        **sizes: For each argument its name, and `(lower bound, value)`.

    Raises:
        ValueError: if a value is not a number, has a fractional part or is below its lower bound.

    Examples:
        >>> check_integers(latent_dim=(1, 16), levels=(2, 4.0))
        >>> check_integers(latent_dim=(1, 2.5))
        Traceback (most recent call last):
        ValueError: `latent_dim` must be an integer >= 1. Received: 2.5
    """
    for name, (least, value) in sizes.items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or value % 1 or value < least:
            raise ValueError(f"`{name}` must be an integer >= {least}. Received: {value}")


def known_range(values: Tensor) -> tuple[float, float] | None:
    """Returns the smallest and the largest value, or None where no values are known.

    Args:
        values: tensor of real numbers. NaN gives NaN.

    Returns:
        Two floats; None of an empty tensor, and in a function that is being compiled.

    Examples:
        >>> known_range(keras.ops.convert_to_tensor([3, 1, 2]))
        (1.0, 3.0)
    """
    if not is_known(values) or 0 in values.shape:
        return None
    values = ops.stop_gradient(values)
    return float(ops.min(values)), float(ops.max(values))


def as_indices(name: str, values: ArrayLike, count: int | None) -> Tensor:
    """Returns indices as an int32 tensor, after checking them.

    Backends differ in what they do with an index that does not exist: some fail, others read or
    count another entry.

    Args:
        name: name of the argument.
        values: array of integers.
        count: number of entries that they choose from; None if it is not known.

    Raises:
        TypeError: if they are not integers.
        ValueError: if one lies outside 0..count - 1. This is not checked in a function that is
            being compiled.

    Examples:
        >>> keras.ops.convert_to_numpy(as_indices("rows", [0, 2], 3)).tolist()
        [0, 2]
        >>> as_indices("rows", [0, -1], 3)
        Traceback (most recent call last):
        ValueError: `rows` must lie in 0..2. Received values from -1 to 0
    """
    if not ops.is_tensor(values) and np.size(values) == 0:
        values = np.asarray(values, "int32")  # NumPy makes floats of an empty list
    indices = ops.convert_to_tensor(values)
    if "int" not in ops.dtype(indices):
        raise TypeError(f"`{name}` must be integers. Received: dtype={ops.dtype(indices)}")
    limits = None if count is None else known_range(indices)
    if limits is not None and not (limits[0] >= 0 and limits[1] < count):
        raise ValueError(
            f"`{name}` must lie in 0..{count - 1}. "
            f"Received values from {limits[0]:g} to {limits[1]:g}"
        )
    return ops.cast(indices, "int32")
