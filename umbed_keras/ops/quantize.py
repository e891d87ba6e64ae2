"""Scalar quantisation of coefficients."""

import math

import numpy as np
from keras import ops

LAWS = ("uniform", "mu_law")
# The companding constant of ITU-T G.711.
MU = 255.0


def quantize(values, limit, bits, law="uniform"):
    """Rounds values to the `2^bits - 1` symmetric levels from `-limit` to `limit`.

    Zero is a level, and values beyond the limit go to the outermost level. The derivative is that
    of the identity (straight-through).

    Args:
        values: floating tensor, any shape.
        limit: positive scalar.
        bits: int, at least 2.
        law: `"uniform"` for equal steps, `"mu_law"` for steps that grow with the magnitude
            (ITU-T G.711, mu = 255).

    Returns:
        Tensor like `values`.
    """
    level = from_steps(to_steps(values, limit, bits, law), limit, bits, law)
    return ops.stop_gradient(level) + (values - ops.stop_gradient(values))


def to_steps(values, limit, bits, law="uniform"):
    """The numbers of the levels that `quantize` rounds values to.

    Args:
        values, limit, bits, law: as in `quantize`.

    Returns:
        Tensor like `values`, whole numbers from `-(2^(bits - 1) - 1)` to `2^(bits - 1) - 1`.
    """
    share = ops.clip(values / limit, -1.0, 1.0)
    if law == "mu_law":
        share = ops.sign(share) * ops.log1p(MU * ops.abs(share)) / math.log1p(MU)
    return ops.round(share * (2 ** (bits - 1) - 1))


def from_steps(steps, limit, bits, law="uniform"):
    """The levels that `quantize` gives, from the numbers, as floats, that `to_steps` gives."""
    share = ops.convert_to_tensor(steps) / (2 ** (bits - 1) - 1)
    if law == "mu_law":
        share = ops.sign(share) * ops.expm1(ops.abs(share) * math.log1p(MU)) / MU
    # In this order a level is exact whatever the size of the value.
    return share * limit


def level_values(limit, bits, law="uniform"):
    """The levels of `quantize`, rising: NumPy float32 `(2^bits - 1,)`."""
    levels = 2 ** (bits - 1) - 1
    steps = np.arange(-levels, levels + 1, dtype="float32")
    return ops.convert_to_numpy(from_steps(steps, limit, bits, law))
