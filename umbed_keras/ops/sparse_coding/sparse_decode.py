"""Reconstruction of signals from sparse codes."""

from keras import ops

from umbed_keras.backend.exporting import one_operation
from umbed_keras.ops.checks import as_indices
from umbed_keras.typing import ArrayLike, Tensor


@one_operation
def sparse_decode(indices: ArrayLike, coefficients: ArrayLike, dictionary: ArrayLike) -> Tensor:
    """Computes the weighted sums of atoms for which sparse codes stand.

    Args:
        indices: integer array `(..., sparsity)`, from 0 to `num_atoms - 1`.
        coefficients: array `(..., sparsity)`.
        dictionary: array `(num_atoms, dim)`.

    Returns:
        Tensor of shape `(..., dim)` and the dtype of `coefficients` (float32 for integers).

    Raises:
        TypeError: if `indices` are not integers, or an array holds complex numbers.
        ValueError: if an index lies outside 0..num_atoms - 1.
        ValueError: if `dictionary` does not have two axes.
        ValueError: if `indices` and `coefficients` have different shapes or no axes.

    Examples:
        >>> coefficients = np.array([[-4.0, 3.0]], "float32")
        >>> signals = uk.ops.sparse_decode([[2, 0]], coefficients, np.eye(3))
        >>> keras.ops.convert_to_numpy(signals).tolist()
        [[3.0, 0.0, -4.0]]
    """
    indices, coefficients = ops.convert_to_tensor(indices), ops.convert_to_tensor(coefficients)
    dictionary = ops.convert_to_tensor(dictionary)
    for name, array in (("coefficients", coefficients), ("dictionary", dictionary)):
        if "complex" in ops.dtype(array):
            raise TypeError(f"`{name}` must be real numbers. Received: dtype={ops.dtype(array)}")
    if "float" not in ops.dtype(coefficients):
        coefficients = ops.cast(coefficients, "float32")
    dictionary = ops.cast(dictionary, ops.dtype(coefficients))
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
    return sum_of_atoms(
        as_indices("indices", indices, dictionary.shape[0]), coefficients, dictionary
    )


def sum_of_atoms(indices: Tensor, coefficients: Tensor, dictionary: Tensor) -> Tensor:
    """Computes `sparse_decode` of codes that a coder has made, which are not checked.

    Args:
        indices, coefficients, dictionary: tensors, as in `sparse_decode`.

    Examples:
        >>> indices, coefficients = keras.ops.array([[2, 0]]), keras.ops.array([[-4.0, 3.0]])
        >>> signals = sum_of_atoms(indices, coefficients, keras.ops.eye(3))
        >>> keras.ops.convert_to_numpy(signals).tolist()
        [[3.0, 0.0, -4.0]]
    """
    # One atom of every code at a time, without a tensor of shape (..., sparsity, dim). TensorFlow's
    # graph optimizer loses the new axis of `coefficients[..., step, None]` after a stack.
    return sum(
        ops.take(dictionary, indices[..., step], axis=0)
        * ops.expand_dims(coefficients[..., step], axis=-1)
        for step in range(indices.shape[-1])
    )
