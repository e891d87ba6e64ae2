"""From a sparse code back to the signal."""

from keras import ops


def sparse_decode(indices, coefficients, dictionary):
    """The weighted sums of atoms that sparse codes stand for.

    Args:
        indices: integers `(..., sparsity)` from 0 to `num_atoms - 1`.
        coefficients: `(..., sparsity)`, floating.
        dictionary: `(num_atoms, dim)`.

    Returns:
        `(..., dim)` in the dtype of `coefficients`.

    Raises:
        ValueError: shapes that do not match.
    """
    indices, coefficients = ops.convert_to_tensor(indices), ops.convert_to_tensor(coefficients)
    dictionary = ops.cast(ops.convert_to_tensor(dictionary), ops.dtype(coefficients))
    if len(dictionary.shape) != 2:
        raise ValueError(
            "`dictionary` must have shape (num_atoms, dim). "
            f"Received: shape={tuple(dictionary.shape)}"
        )
    if tuple(indices.shape) != tuple(coefficients.shape) or not indices.shape:
        raise ValueError(
            "`indices` and `coefficients` must have one shape (..., sparsity). Received: "
            f"{tuple(indices.shape)} and {tuple(coefficients.shape)}"
        )
    # One atom of every code at a time: (..., sparsity, dim) never exists. TensorFlow's graph
    # optimizer loses the new axis of `coefficients[..., step, None]` after a stack.
    return sum(
        ops.take(dictionary, indices[..., step], axis=0)
        * ops.expand_dims(coefficients[..., step], axis=-1)
        for step in range(indices.shape[-1])
    )
