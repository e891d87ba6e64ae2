"""Checks, casts and small steps that sparse coders share."""

import math

from keras import ops

from umbed_keras.backend.exporting import exporting
from umbed_keras.typing import ArrayLike, Shape, Tensor

# An atom counts as inside the span of those chosen before if its squared distance is at most
# `INSIDE` units of roundoff, or its distance times the shortest one before `GROWN` units. A
# projection counts as 0 if it is at most `NEGLIGIBLE` units of the signal's length.
INSIDE, GROWN, NEGLIGIBLE = 1 / 256, 4, 4
# Rounding of a squared distance that is computed as a difference of sums, in units of roundoff.
ROUNDED = 64
# Smallest block of the search in two stages of `largest`.
MIN_BLOCK = 8


def _floating_type(*tensors: Tensor) -> str:
    """Returns the widest floating type among tensors, at least float32."""
    names = {ops.dtype(tensor) for tensor in tensors}
    return "float64" if "float64" in names else "float32"


def prepare(
    signals: ArrayLike, dictionary: ArrayLike, sparsity: int
) -> tuple[Tensor, Tensor, Shape, str]:
    """Checks the arguments of a sparse coder and casts them to one floating type.

    Args:
        signals: array `(..., dim)`.
        dictionary: array `(num_atoms, dim)`.
        sparsity: int, number of atoms per signal, from 1 to `num_atoms`.

    Returns:
        Signals of shape `(n, dim)`, the dictionary, the leading shape of the signals, and the
        dtype in which coefficients are returned. Signals and dictionary are float64 if one of
        them is, float32 otherwise.

    Raises:
        TypeError: if `signals` or `dictionary` holds complex numbers.
        ValueError: if the number of axes of an array, or a size of `dictionary`, is not known.
        ValueError: if `dictionary` does not have two axes.
        ValueError: if the last axis of `signals` does not have the length of an atom.
        ValueError: if `sparsity` is not an integer from 1 to `num_atoms`.
    """
    signals, dictionary = ops.convert_to_tensor(signals), ops.convert_to_tensor(dictionary)
    for name, array in (("signals", signals), ("dictionary", dictionary)):
        if "complex" in ops.dtype(array):
            raise TypeError(
                f"`{name}` must be real numbers. Received: dtype={ops.dtype(array)}. Complex "
                "numbers can be coded as pairs of their real and imaginary parts."
            )
        if _rank(array) is None:
            raise ValueError(
                f"`{name}` must have a known number of axes. Received an unknown shape: state it "
                "by `tf.ensure_shape`, with None for the sizes that vary."
            )
    if len(dictionary.shape) != 2:
        raise ValueError(
            "`dictionary` must have shape (num_atoms, dim). "
            f"Received: shape={tuple(dictionary.shape)}"
        )
    num_atoms, dim = dictionary.shape
    if None in (num_atoms, dim):
        raise ValueError(
            "`dictionary` must have known sizes (num_atoms, dim). "
            f"Received: shape={tuple(dictionary.shape)}"
        )
    if len(signals.shape) < 1 or signals.shape[-1] not in (dim, None):
        raise ValueError(
            f"`signals` must have shape (..., {dim}), as the atoms of `dictionary` have {dim} "
            f"entries. Received: shape={tuple(signals.shape)}"
        )
    if isinstance(sparsity, bool) or int(sparsity) != sparsity or not 1 <= sparsity <= num_atoms:
        raise ValueError(
            f"`sparsity` must be an integer from 1 to the number of atoms, {num_atoms}. "
            f"Received: sparsity={sparsity}"
        )
    dtype = ops.dtype(signals)
    if "float" not in dtype:
        dtype = "float32"
    compute_dtype = _floating_type(signals, dictionary)
    leading = ops.shape(signals)[:-1]
    signals = ops.reshape(ops.cast(signals, compute_dtype), (-1, dim))
    return signals, ops.cast(dictionary, compute_dtype), leading, dtype


def _rank(tensor: Tensor) -> int | None:
    """Returns the number of axes, or None if it is not known (in a graph of TensorFlow)."""
    try:
        return len(tensor.shape)
    except ValueError:
        return None


def unit_atoms(dictionary: Tensor) -> tuple[Tensor, Tensor]:
    """Scales the atoms of a dictionary to unit length.

    Args:
        dictionary: floating tensor `(num_atoms, dim)`.

    Returns:
        The scaled atoms of shape `(num_atoms, dim)`, and their norms of shape `(num_atoms,)`. A
        zero atom stays zero and has norm 1, so that it correlates with nothing.
    """
    # Divided by the largest entry first: the squares of very small or large entries overflow.
    largest = ops.max(ops.abs(dictionary), axis=-1, keepdims=True)
    largest = ops.where(largest > 0, largest, ops.ones_like(largest))
    scaled = dictionary / largest
    squares = ops.sum(ops.square(scaled), axis=-1, keepdims=True)
    # Zeros are replaced before the root, whose derivative at 0 is infinite.
    norms = ops.sqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))
    return scaled / norms, ops.squeeze(norms * largest, axis=-1)


def pick(values: Tensor, indices: Tensor) -> Tensor:
    """Returns the entry `indices[i]` of row i, for values `(n, k)` and indices `(n,)`."""
    return ops.squeeze(ops.take_along_axis(values, indices[:, None], axis=1), axis=1)


def largest(scores: Tensor) -> Tensor:
    """Returns the index of the largest entry of each row, the first among equal entries.

    The search has two stages, the maxima of blocks and then the best block, because backends
    compute a maximum far faster than its index. ONNX Runtime does not.

    Args:
        scores: floating tensor `(n, num_atoms)`.

    Returns:
        int32 tensor `(n,)`.
    """
    count = scores.shape[1]
    width = max(part for part in range(1, math.isqrt(count) + 1) if count % part == 0)
    if width < MIN_BLOCK or exporting():
        return ops.cast(ops.argmax(scores, axis=1), "int32")
    blocks = ops.reshape(scores, (-1, count // width, width))
    block = ops.argmax(ops.max(blocks, axis=2), axis=1)
    best = ops.take_along_axis(blocks, ops.expand_dims(block, (1, 2)), axis=1)
    inside = ops.squeeze(best, axis=1)
    return ops.cast(block * width + ops.argmax(inside, axis=1), "int32")


def best_available(scores: Tensor, used: Tensor) -> Tensor:
    """Returns the index of the largest score among the unused atoms of each row.

    Args:
        scores: floating tensor `(n, num_atoms)`, at least 0.
        used: bool tensor `(n, num_atoms)`.

    Returns:
        int32 tensor `(n,)`.
    """
    return ops.cast(ops.argmax(ops.where(used, -1.0, scores), axis=1), "int32")


def mark(used: Tensor, indices: Tensor) -> Tensor:
    """Returns a copy of `used`, bool `(n, num_atoms)`, in which the atoms `indices` are True."""
    return ops.logical_or(used, ops.arange(used.shape[1], dtype="int32")[None] == indices[:, None])


def unflatten(
    indices: Tensor, coefficients: Tensor, leading: Shape, dtype: str
) -> tuple[Tensor, Tensor]:
    """Restores the leading shape and the dtype of signals in codes of shape `(n, sparsity)`."""
    shape = (*leading, indices.shape[-1])
    return ops.reshape(indices, shape), ops.cast(ops.reshape(coefficients, shape), dtype)
