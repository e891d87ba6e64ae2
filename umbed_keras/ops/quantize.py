"""Scalar quantisation of coefficients to uniform or mu-law levels."""

import math

import numpy as np
from keras import ops

from umbed_keras.typing import ArrayLike, Tensor

LAWS = ("uniform", "mu_law")
# The companding constant of ITU-T G.711.
MU = 255.0


def quantize(values: Tensor, limit: ArrayLike, bits: int, law: str = "uniform") -> Tensor:
    """Rounds values to `2^bits - 1` symmetric levels from `-limit` to `limit`.

    Zero is a level. Values beyond the limit are rounded to the outermost level. The derivative is
    that of the identity (straight-through).

    Args:
        values: floating tensor of any shape.
        limit: positive scalar, the largest level.
        bits: int, number of bits per value, at least 2.
        law: `"uniform"` for equal steps, or `"mu_law"` for steps that grow with the magnitude
            (ITU-T G.711, mu = 255).

    Returns:
        Tensor with the shape and dtype of `values`.

    Examples:
        >>> values = keras.ops.convert_to_tensor([-9.0, 0.1, 0.3, 1.2])
        >>> keras.ops.convert_to_numpy(quantize(values, limit=1.5, bits=3)).tolist()
        [-1.5, 0.0, 0.5, 1.0]
    """
    level = from_steps(to_steps(values, limit, bits, law), limit, bits, law)
    return ops.stop_gradient(level) + (values - ops.stop_gradient(values))


def to_steps(values: ArrayLike, limit: ArrayLike, bits: int, law: str = "uniform") -> Tensor:
    """Returns the numbers of the levels to which `quantize` rounds values.

    Args:
        values: floating array of any shape.
        limit: positive scalar, the largest level.
        bits: int, number of bits per value, at least 2.
        law: `"uniform"` or `"mu_law"`, as in `quantize`.

    Returns:
        Floating tensor with the shape of `values`: whole numbers from `-(2^(bits - 1) - 1)` to
        `2^(bits - 1) - 1`.

    Examples:
        >>> values = keras.ops.convert_to_tensor([-9.0, 0.1, 0.3, 1.2])
        >>> keras.ops.convert_to_numpy(to_steps(values, limit=1.5, bits=3)).tolist()
        [-3.0, 0.0, 1.0, 2.0]
    """
    share = ops.clip(values / limit, -1.0, 1.0)
    if law == "mu_law":
        share = ops.sign(share) * ops.log1p(MU * ops.abs(share)) / math.log1p(MU)
    return ops.round(share * (2 ** (bits - 1) - 1))


def from_steps(steps: ArrayLike, limit: ArrayLike, bits: int, law: str = "uniform") -> Tensor:
    """Returns the levels whose numbers `to_steps` gives.

    Args:
        steps: floating array of any shape, whole numbers from `-(2^(bits - 1) - 1)` to
            `2^(bits - 1) - 1`.
        limit: positive scalar, the largest level.
        bits: int, number of bits per value, at least 2.
        law: `"uniform"` or `"mu_law"`, as in `quantize`.

    Returns:
        Floating tensor with the shape of `steps`, from `-limit` to `limit`.

    Examples:
        >>> steps = keras.ops.convert_to_tensor([-3.0, 0.0, 2.0])
        >>> keras.ops.convert_to_numpy(from_steps(steps, limit=1.5, bits=3)).tolist()
        [-1.5, 0.0, 1.0]
    """
    share = ops.convert_to_tensor(steps) / (2 ** (bits - 1) - 1)
    if law == "mu_law":
        share = ops.sign(share) * ops.expm1(ops.abs(share) * math.log1p(MU)) / MU
    # In this order a level is exact whatever the size of the value.
    return share * limit


def level_values(limit: ArrayLike, bits: int, law: str = "uniform") -> np.ndarray:
    """Returns all levels of `quantize` in rising order.

    Args:
        limit: positive scalar, the largest level.
        bits: int, number of bits per value, at least 2.
        law: `"uniform"` or `"mu_law"`, as in `quantize`.

    Returns:
        float32 array `(2^bits - 1,)`.

    Examples:
        >>> level_values(limit=1.5, bits=3).tolist()
        [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
    """
    levels = 2 ** (bits - 1) - 1
    steps = np.arange(-levels, levels + 1, dtype="float32")
    return ops.convert_to_numpy(from_steps(steps, limit, bits, law))
