"""Reconstruction of signals from sparse codes."""

from keras import ops

from umbed_keras.backend.exporting import one_operation
from umbed_keras.typing import ArrayLike, Tensor


@one_operation
def sparse_decode(indices: ArrayLike, coefficients: ArrayLike, dictionary: ArrayLike) -> Tensor:
    """Computes the weighted sums of atoms for which sparse codes stand.

    Args:
        indices: integer array `(..., sparsity)`, from 0 to `num_atoms - 1`.
        coefficients: floating array `(..., sparsity)`.
        dictionary: array `(num_atoms, dim)`.

    Returns:
        Tensor of shape `(..., dim)` and the dtype of `coefficients`.

    Raises:
        ValueError: if `dictionary` does not have two axes.
        ValueError: if `indices` and `coefficients` have different shapes or no axes.

    Examples:
        >>> coefficients = np.array([[-4.0, 3.0]], "float32")
        >>> signals = uk.ops.sparse_decode([[2, 0]], coefficients, np.eye(3))
        >>> keras.ops.convert_to_numpy(signals).tolist()
        [[3.0, 0.0, -4.0]]
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
    # One atom of every code at a time, without a tensor of shape (..., sparsity, dim). TensorFlow's
    # graph optimizer loses the new axis of `coefficients[..., step, None]` after a stack.
    return sum(
        ops.take(dictionary, indices[..., step], axis=0)
        * ops.expand_dims(coefficients[..., step], axis=-1)
        for step in range(indices.shape[-1])
    )
