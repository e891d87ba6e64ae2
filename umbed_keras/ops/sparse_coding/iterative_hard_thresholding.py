"""Iterative hard thresholding, batched."""

from keras import ops

from umbed_keras.ops.sparse_coding import _arguments


def iterative_hard_thresholding(signals, dictionary, sparsity, iterations=50):
    """Codes each signal by gradient steps on its error, keeping the largest coefficients each time.

    Iterative hard thresholding (Blumensath & Davies 2008) with the step 1 / ||atoms||^2, under
    which the error never grows.

    Args:
        signals: `(..., dim)`, computed in float32 (float64 if signals or dictionary are).
        dictionary: `(num_atoms, dim)`; coefficients refer to the atoms as given.
        sparsity: int, atoms a signal, from 1 to `num_atoms`.
        iterations: int, number of steps.

    Returns:
        `(indices, coefficients)`: int32 and the signals' dtype, both `(..., sparsity)`, largest
        coefficient first. The indices of one signal are distinct.

    Raises:
        ValueError: `sparsity` or `iterations` out of range, or shapes that do not match.
    """
    if iterations < 1:
        raise ValueError(f"`iterations` must be at least 1. Received: {iterations}")
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    gram = atoms @ ops.transpose(atoms)
    correlations = signals @ ops.transpose(atoms)
    # The Gram matrix's norm is that of the atoms, squared; 0 if all atoms are.
    norm = ops.cast(ops.stop_gradient(ops.norm(gram, ord=2)), ops.dtype(gram))
    step = 1 / ops.where(norm > 0, norm, 1.0)
    dense = ops.zeros_like(correlations)
    num_atoms = dictionary.shape[0]
    for _ in range(iterations):
        moved = dense + step * (correlations - dense @ gram)
        _, indices = ops.top_k(ops.abs(moved), int(sparsity))
        kept = ops.sum(ops.one_hot(indices, num_atoms, dtype=ops.dtype(moved)), axis=1)
        dense = moved * ops.stop_gradient(kept)
    indices = ops.cast(indices, "int32")
    coefficients = ops.take_along_axis(dense, indices, axis=1) / ops.take(norms, indices)
    return _arguments.unflatten(indices, coefficients, leading, dtype)
