"""Iterative hard thresholding of many signals at once."""

from keras import ops

from umbed_keras.backend.exporting import one_operation
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.sparse_coding import _arguments
from umbed_keras.typing import ArrayLike, Tensor


@one_operation
def iterative_hard_thresholding(
    signals: ArrayLike, dictionary: ArrayLike, sparsity: int, iterations: int = 50
) -> tuple[Tensor, Tensor]:
    """Codes each signal by gradient steps that keep only the largest coefficients.

    Iterative hard thresholding (Blumensath & Davies 2008) with the step `1 / ||atoms||^2`, with
    which the squared error never grows.

    Args:
        signals: array `(..., dim)`, floating or integer. Computed in float32, or in
            float64 if signals or dictionary are float64.
        dictionary: array `(num_atoms, dim)`. Atoms may have any length; coefficients
            refer to the atoms as given.
        sparsity: int, number of atoms per signal, from 1 to `num_atoms`.
        iterations: int, number of gradient steps, at least 1.

    Returns:
        Indices, int32 of shape `(..., sparsity)`, and coefficients of the same shape in the dtype
        of `signals` (float32 for integers), with the largest coefficient (of the unit atom) first.
        The indices of a signal are distinct.

    Raises:
        ValueError: if `iterations` is not an integer of at least 1.
        ValueError: if `sparsity` is not an integer from 1 to `num_atoms`.
        ValueError: if `dictionary` does not have two axes, or if the last axis of `signals` does
            not have the length of an atom.

    Examples:
        >>> signals = np.array([[3.0, 0.0, -4.0]], "float32")
        >>> indices, _ = uk.ops.iterative_hard_thresholding(signals, np.eye(3), sparsity=2)
        >>> keras.ops.convert_to_numpy(indices).tolist()
        [[2, 0]]
    """
    check_integers(iterations=(1, iterations))
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    gram = atoms @ ops.transpose(atoms)
    correlations = signals @ ops.transpose(atoms)
    # The norm of the Gram matrix is the squared norm of the atoms. It is 0 if all atoms are 0.
    norm = ops.cast(ops.stop_gradient(ops.norm(gram, ord=2)), ops.dtype(gram))
    step = 1 / ops.where(norm > 0, norm, 1.0)
    dense = ops.zeros_like(correlations)
    num_atoms = dictionary.shape[0]
    for _ in range(int(iterations)):
        moved = dense + step * (correlations - dense @ gram)
        _, indices = ops.top_k(ops.abs(moved), int(sparsity))
        kept = ops.sum(ops.one_hot(indices, num_atoms, dtype=ops.dtype(moved)), axis=1)
        dense = moved * ops.stop_gradient(kept)
    indices = ops.cast(indices, "int32")
    coefficients = ops.take_along_axis(dense, indices, axis=1) / ops.take(norms, indices)
    return _arguments.unflatten(indices, coefficients, leading, dtype)
