"""Sparse coding by the atoms with the largest correlations."""

from keras import ops

from umbed_keras.backend.exporting import one_operation
from umbed_keras.ops.sparse_coding import _arguments
from umbed_keras.typing import ArrayLike, Tensor


@one_operation
def top_k(signals: ArrayLike, dictionary: ArrayLike, sparsity: int) -> tuple[Tensor, Tensor]:
    """Codes each signal by the `sparsity` atoms with the largest correlations with it.

    Each coefficient is the projection on its atom alone. The code is exact for orthogonal atoms,
    and the cheapest approximation for others.

    Args:
        signals: array `(..., dim)`, floating or integer. Computed in float32, or in
            float64 if signals or dictionary are float64.
        dictionary: array `(num_atoms, dim)`. Atoms may have any length; coefficients
            refer to the atoms as given.
        sparsity: int, number of atoms per signal, from 1 to `num_atoms`.

    Returns:
        Indices, int32 of shape `(..., sparsity)`, and coefficients of the same shape in the dtype
        of `signals` (float32 for integers), with the largest correlation first.

    Raises:
        ValueError: if `sparsity` is not an integer from 1 to `num_atoms`.
        ValueError: if `dictionary` does not have two axes, or if the last axis of `signals` does
            not have the length of an atom.

    Examples:
        >>> signals = np.array([[3.0, 0.0, -4.0]], "float32")
        >>> indices, coefficients = uk.ops.top_k(signals, np.eye(3), sparsity=2)
        >>> keras.ops.convert_to_numpy(indices).tolist()
        [[2, 0]]
        >>> keras.ops.convert_to_numpy(coefficients).tolist()
        [[-4.0, 3.0]]
    """
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    correlations = signals @ ops.transpose(atoms)
    _, indices = ops.top_k(ops.abs(correlations), int(sparsity))
    indices = ops.cast(indices, "int32")
    projections = ops.take_along_axis(correlations, indices, axis=1)
    return _arguments.unflatten(indices, projections / ops.take(norms, indices), leading, dtype)
