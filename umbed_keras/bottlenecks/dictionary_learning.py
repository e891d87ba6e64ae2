"""Dictionary learning on the host, by the method of optimal directions."""

from typing import Any

import numpy as np
from keras import ops

from umbed_keras.bottlenecks.kmeans import spread_samples, subsample
from umbed_keras.ops import orthogonal_matching_pursuit


def learn_dictionary(
    samples: np.ndarray,
    num_atoms: int,
    sparsity: int,
    selection: str = "omp",
    rounds: int = 15,
    seed: int | None = 0,
    min_gain: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Learns a dictionary by alternating sparse coding and least squares.

    The method of optimal directions (Engan, Aase & Husoy 1999), the better of two starts: the
    principal axes of the samples, with samples far apart as further atoms if there are more atoms
    than axes; and samples far apart alone. An atom that no sample uses is replaced by the sample
    that is coded worst.

    Args:
        samples: float32 `(n, dim)`; at most `kmeans.SAMPLE_SIZE` rows of it are used.
        num_atoms: int, number of atoms.
        sparsity: int, largest number of atoms of a sample.
        selection: `"omp"` or `"ols"`, as in `umbed_keras.ops.orthogonal_matching_pursuit`.
        rounds: int, number of alternations.
        seed: int, of the starts.
        min_gain: float or scalar tensor, least decrease of the squared error by an atom; None for
            no limit.

    Returns:
        Atoms, float32 `(num_atoms, dim)`, of unit length, and the codes of the samples used,
        float32 `(n, num_atoms)`.

    Examples:
        >>> samples = np.array([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0]], "float32")
        >>> atoms, codes = learn_dictionary(samples, num_atoms=2, sparsity=1, rounds=1)
        >>> bool(np.allclose(codes @ atoms, samples, atol=1e-3))
        True
    """
    rng = np.random.default_rng(seed)
    samples = subsample(samples, rng)
    options = {"selection": selection, "min_gain": min_gain}
    _, axes = np.linalg.eigh(samples.T @ samples)
    far_apart = spread_samples(samples, num_atoms, rng)
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
    """Sparse codes of samples, as a dense array `(n, num_atoms)`."""
    indices, coefficients = (
        ops.convert_to_numpy(part)
        for part in orthogonal_matching_pursuit(samples, atoms, sparsity, **options)
    )
    codes = np.zeros((len(samples), len(atoms)), "float32")
    np.put_along_axis(codes, indices, coefficients, axis=1)
    return codes


def _least_squares_atoms(samples, atoms, sparsity, options, rng):
    """One alternation: codes by the given atoms, and the atoms that fit these codes best."""
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
