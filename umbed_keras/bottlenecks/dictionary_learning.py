"""Dictionary learning on the host, by the method of optimal directions."""

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.kmeans import bounded, spread
from umbed_keras.ops import orthogonal_matching_pursuit


def learn_dictionary(
    samples, num_atoms, sparsity, selection="omp", rounds=15, seed=0, min_gain=None
):
    """A dictionary by alternating sparse coding and least squares.

    The method of optimal directions (Engan, Aase & Husoy 1999), the best of two starts: the
    samples' principal axes, and samples far apart, which also make up atoms beyond `dim`. An atom
    that nothing uses takes the direction of the signal that is coded worst.

    Args:
        samples: `(n, dim)` float32.
        num_atoms, sparsity, selection, min_gain: as in `orthogonal_matching_pursuit`.
        rounds: int, alternations.
        seed: int.

    Returns:
        atoms `(num_atoms, dim)` of unit length and the codes `(n, num_atoms)` of the samples
        looked at, float32.
    """
    rng = np.random.default_rng(seed)
    samples = bounded(samples, rng)
    options = {"selection": selection, "min_gain": min_gain}
    _, axes = np.linalg.eigh(samples.T @ samples)
    far_apart = spread(samples, num_atoms, rng)
    along_axes = np.concatenate([axes.T[::-1], far_apart])[:num_atoms]
    runs = []
    for atoms in (along_axes, far_apart):
        atoms = _unit(atoms, rng)
        for _ in range(rounds):
            atoms = _least_squares_atoms(samples, atoms, sparsity, options, rng)
        codes = _dense_codes(samples, atoms, sparsity, options)
        runs.append((np.mean((samples - codes @ atoms) ** 2), atoms, codes))
    _, atoms, codes = min(runs, key=lambda run: run[0])
    return atoms, codes


def _dense_codes(samples, atoms, sparsity, options):
    """Sparse codes as `(n, num_atoms)`."""
    indices, coefficients = (
        ops.convert_to_numpy(part)
        for part in orthogonal_matching_pursuit(samples, atoms, sparsity, **options)
    )
    codes = np.zeros((len(samples), len(atoms)), "float32")
    np.put_along_axis(codes, indices, coefficients, axis=1)
    return codes


def _least_squares_atoms(samples, atoms, sparsity, options, rng):
    """One alternation: the unit atoms that fit the codes of the ones given best."""
    codes = _dense_codes(samples, atoms, sparsity, options)
    gram = (codes.T @ codes).astype("float64")
    ridge = 1e-6 * np.trace(gram) / len(atoms) + 1e-12
    fitted = np.linalg.solve(gram + ridge * np.eye(len(atoms)), codes.T @ samples)
    fitted = fitted.astype("float32")
    atoms = _unit(fitted, rng)
    unused = np.flatnonzero(np.sum(codes != 0, axis=0) <= 1e-4 * len(samples))
    worst = np.argsort(-np.sum((samples - codes @ fitted) ** 2, axis=1))[: len(unused)]
    atoms[unused[: len(worst)]] = _unit(samples[worst], rng)
    return atoms


def _unit(vectors, rng):
    """Rows scaled to unit length; rows of length 0 become random directions."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 1e-12, vectors, rng.normal(size=vectors.shape))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
