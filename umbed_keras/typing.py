"""Types of public signatures."""

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

# A tensor of Keras's backend (torch, jax or tensorflow), or a `keras.KerasTensor`.
Tensor: TypeAlias = Any
# Anything that NumPy converts to an array, and tensors. Docstrings state shape and dtype.
ArrayLike: TypeAlias = npt.ArrayLike | Tensor
# Codes of a bottleneck: name to array or tensor, batch first.
Codes: TypeAlias = Mapping[str, Tensor]
# A static shape, in which None is a size that is known only in a call.
Shape: TypeAlias = tuple[int | None, ...]
PathLike: TypeAlias = str | os.PathLike[str]
