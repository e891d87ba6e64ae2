"""Matching pursuit, batched, without reselection."""

from keras import ops

from umbed_keras.ops.sparse_coding import _arguments


def matching_pursuit(signals, dictionary, sparsity):
    """Codes each signal by `sparsity` distinct atoms chosen greedily, without a refit.

    Matching pursuit (Mallat & Zhang 1993) in correlation space; an atom is taken once.

    Args:
        signals: `(..., dim)`, computed in float32 (float64 if signals or dictionary are).
        dictionary: `(num_atoms, dim)`; coefficients refer to the atoms as given.
        sparsity: int, atoms a signal, from 1 to `num_atoms`.

    Returns:
        `(indices, coefficients)`: int32 and the signals' dtype, both `(..., sparsity)`. The
        indices of one signal are distinct.

    Raises:
        ValueError: `sparsity` out of range, or shapes that do not match.
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
