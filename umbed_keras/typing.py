"""Names of types in public signatures."""

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

# A tensor of Keras's backend (torch, jax or tensorflow), or a `keras.KerasTensor`.
Tensor: TypeAlias = Any
# What NumPy reads as an array, and tensors of any backend. Docstrings state shape and dtype.
ArrayLike: TypeAlias = npt.ArrayLike | Tensor
# Codes of a bottleneck: name to batch-first array or tensor.
Codes: TypeAlias = Mapping[str, Tensor]
# A static shape; None is a size that is not known before the call.
Shape: TypeAlias = tuple[int | None, ...]
PathLike: TypeAlias = str | os.PathLike[str]
