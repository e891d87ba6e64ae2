"""The checks and casts that every sparse coder shares."""

import math

from keras import ops

from umbed_keras.backend.exporting import exporting

# Rows are searched in blocks of this size at least, or in one stage.
MIN_BLOCK = 8


def floating_type(*tensors):
    """The widest floating type among tensors, at least float32."""
    names = {ops.dtype(tensor) for tensor in tensors}
    return "float64" if "float64" in names else "float32"


def prepare(signals, dictionary, sparsity):
    """Checks a sparse coder's arguments and brings them to one floating type.

    Returns:
        signals `(n, dim)`, dictionary `(num_atoms, dim)`, the leading shape of the signals and the
        dtype in which coefficients are returned.
    """
    signals, dictionary = ops.convert_to_tensor(signals), ops.convert_to_tensor(dictionary)
    if len(dictionary.shape) != 2:
        raise ValueError(
            "`dictionary` must have shape (num_atoms, dim). "
            f"Received: shape={tuple(dictionary.shape)}"
        )
    num_atoms, dim = dictionary.shape
    if len(signals.shape) < 1 or signals.shape[-1] != dim:
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
    compute_dtype = floating_type(signals, dictionary)
    leading = ops.shape(signals)[:-1]
    signals = ops.reshape(ops.cast(signals, compute_dtype), (-1, dim))
    return signals, ops.cast(dictionary, compute_dtype), leading, dtype


def unit_atoms(dictionary):
    """Atoms `(num_atoms, dim)` scaled to unit length, and their norms `(num_atoms,)`.

    A zero atom stays zero and has norm 1, so that it correlates with nothing.
    """
    # Scaled by the largest entry first: squares of very small or large atoms leave float range.
    largest = ops.max(ops.abs(dictionary), axis=-1, keepdims=True)
    largest = ops.where(largest > 0, largest, ops.ones_like(largest))
    scaled = dictionary / largest
    squares = ops.sum(ops.square(scaled), axis=-1, keepdims=True)
    # Before the root, whose derivative at 0 is infinite.
    norms = ops.sqrt(ops.where(squares > 0, squares, ops.ones_like(squares)))
    return scaled / norms, ops.squeeze(norms * largest, axis=-1)


def pick(values, indices):
    """Entry `indices[i]` of row i: `(n, k)` and `(n,)` give `(n,)`."""
    return ops.squeeze(ops.take_along_axis(values, indices[:, None], axis=1), axis=1)


def largest(scores):
    """The index `(n,)` int32 of each row's largest entry, the first of equal ones.

    In two stages, block maxima and then inside the best block: backends are far quicker at a
    maximum than at finding where it is. ONNX Runtime is not.
    """
    count = scores.shape[1]
    width = max(part for part in range(1, math.isqrt(count) + 1) if count % part == 0)
    if width < MIN_BLOCK or exporting():
        return ops.cast(ops.argmax(scores, axis=1), "int32")
    blocks = ops.reshape(scores, (-1, count // width, width))
    block = ops.argmax(ops.max(blocks, axis=2), axis=1)
    place = ops.expand_dims(block, (1, 2))
    inside = ops.squeeze(ops.take_along_axis(blocks, place, axis=1), axis=1)
    return ops.cast(block * width + ops.argmax(inside, axis=1), "int32")


def best_available(scores, used):
    """The index `(n,)` int32 of the largest non-negative score among atoms not yet used."""
    return ops.cast(ops.argmax(ops.where(used, -1.0, scores), axis=1), "int32")


def mark(used, indices):
    """`used` `(n, num_atoms)` with the atoms `indices` `(n,)` added."""
    return ops.logical_or(used, ops.arange(used.shape[1], dtype="int32")[None] == indices[:, None])


def unflatten(indices, coefficients, leading, dtype):
    """Gives a flat code its signals' leading shape and dtype back."""
    shape = (*leading, indices.shape[-1])
    return ops.reshape(indices, shape), ops.cast(ops.reshape(coefficients, shape), dtype)
