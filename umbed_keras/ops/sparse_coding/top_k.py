"""The atoms with the largest correlations."""

from keras import ops

from umbed_keras.ops.sparse_coding import _arguments


def top_k(signals, dictionary, sparsity):
    """Codes each signal by the `sparsity` atoms it correlates with most, each on its own.

    Exact for orthogonal atoms, the cheapest guess for others.

    Args:
        signals: `(..., dim)`, computed in float32 (float64 if signals or dictionary are).
        dictionary: `(num_atoms, dim)`; coefficients refer to the atoms as given.
        sparsity: int, atoms a signal, from 1 to `num_atoms`.

    Returns:
        `(indices, coefficients)`: int32 and the signals' dtype, both `(..., sparsity)`, largest
        correlation first.

    Raises:
        ValueError: `sparsity` out of range, or shapes that do not match.
    """
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    correlations = signals @ ops.transpose(atoms)
    _, indices = ops.top_k(ops.abs(correlations), int(sparsity))
    indices = ops.cast(indices, "int32")
    projections = ops.take_along_axis(correlations, indices, axis=1)
    return _arguments.unflatten(indices, projections / ops.take(norms, indices), leading, dtype)
