"""Matching pursuit of many signals at once, without reselection of atoms."""

from keras import ops

from umbed_keras.backend.exporting import one_operation
from umbed_keras.ops.sparse_coding import _arguments
from umbed_keras.typing import ArrayLike, Tensor


@one_operation
def matching_pursuit(
    signals: ArrayLike, dictionary: ArrayLike, sparsity: int
) -> tuple[Tensor, Tensor]:
    """Codes each signal by `sparsity` distinct atoms, chosen greedily and without a refit.

    Matching pursuit (Mallat & Zhang 1993): each step takes the atom with the largest correlation
    with the residual and subtracts the projection on it. An atom is taken at most once.

    Args:
        signals: array `(..., dim)`, floating or integer. Computed in float32, or in
            float64 if signals or dictionary are float64.
        dictionary: array `(num_atoms, dim)`. Atoms may have any length; coefficients
            refer to the atoms as given.
        sparsity: int, number of atoms per signal, from 1 to `num_atoms`.

    Returns:
        Indices, int32 of shape `(..., sparsity)`, and coefficients of the same shape in the dtype
        of `signals` (float32 for integers), in the order of choice. The indices of a signal are
        distinct.

    Raises:
        ValueError: if `sparsity` is not an integer from 1 to `num_atoms`.
        ValueError: if `dictionary` does not have two axes, or if the last axis of `signals` does
            not have the length of an atom.

    Examples:
        >>> signals = np.array([[3.0, 0.0, -4.0]], "float32")
        >>> indices, coefficients = uk.ops.matching_pursuit(signals, np.eye(3), sparsity=2)
        >>> keras.ops.convert_to_numpy(indices).tolist()
        [[2, 0]]
        >>> keras.ops.convert_to_numpy(coefficients).tolist()
        [[-4.0, 3.0]]
    """
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    gram = atoms @ ops.transpose(atoms)
    correlations = signals @ ops.transpose(atoms)
    used = ops.zeros_like(correlations, dtype="bool")
    indices, coefficients = [], []
    for _ in range(int(sparsity)):
        chosen = _arguments.best_available(ops.abs(correlations), used)
        used = _arguments.mark(used, chosen)
        projection = _arguments.pick(correlations, chosen)
        correlations = correlations - projection[:, None] * ops.take(gram, chosen, axis=0)
        indices.append(chosen)
        coefficients.append(projection / ops.take(norms, chosen))
    return _arguments.unflatten(
        ops.stack(indices, axis=1), ops.stack(coefficients, axis=1), leading, dtype
    )
