"""Iterative hard thresholding, batched."""

from keras import ops

from umbed_keras.ops import _arguments


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
        ValueError: `sparsity` out of range, or shapes that do not match.
    """
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(dictionary)
    gram = ops.matmul(atoms, ops.transpose(atoms))
    correlations = ops.matmul(signals, ops.transpose(atoms))
    step = 1 / ops.stop_gradient(ops.norm(gram, ord=2))  # of the Gram matrix: ||atoms||^2
    dense = ops.zeros_like(correlations)
    num_atoms = dictionary.shape[0]
    for _ in range(iterations):
        moved = dense + step * (correlations - ops.matmul(dense, gram))
        _, indices = ops.top_k(ops.abs(moved), int(sparsity))
        kept = ops.max(ops.one_hot(indices, num_atoms, dtype=moved.dtype), axis=1)
        dense = moved * ops.stop_gradient(kept)
    indices = ops.cast(indices, "int32")
    coefficients = ops.take_along_axis(dense, indices, axis=1) / ops.take(norms, indices)
    return _arguments.unflatten(indices, coefficients, leading, dtype)
