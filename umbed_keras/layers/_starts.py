"""Starting values from data, computed on the host."""

import numpy as np
from keras import ops

from umbed_keras.ops import orthogonal_matching_pursuit

# Signals that a start looks at: enough for any codebook here, bounded for memory and time.
SAMPLE_SIZE = 32768


def bounded(samples, rng):
    """At most `SAMPLE_SIZE` rows of samples, chosen at random."""
    if len(samples) <= SAMPLE_SIZE:
        return samples
    return samples[np.sort(rng.choice(len(samples), SAMPLE_SIZE, replace=False))]


def spread(samples, count, rng):
    """`count` rows of samples far from one another (k-means++, Arthur & Vassilvitskii 2007)."""
    chosen = [samples[rng.integers(len(samples))]]
    distances = np.full(len(samples), np.inf)
    for _ in range(count - 1):
        distances = np.minimum(distances, np.sum((samples - chosen[-1]) ** 2, axis=1))
        total = distances.sum()
        # Fewer distinct samples than asked for: any of them again.
        shares = distances / total if total > 0 else None
        chosen.append(samples[rng.choice(len(samples), p=shares)])
    return np.stack(chosen)


def kmeans(samples, num_clusters, iterations=50, seed=0):
    """Lloyd's k-means.

    Args:
        samples: `(n, dim)` float32.
        num_clusters: int.
        iterations: int, rounds at most.
        seed: int.

    Returns:
        centres `(num_clusters, dim)` and the share of samples of each `(num_clusters,)`, float32.
    """
    rng = np.random.default_rng(seed)
    samples = bounded(samples, rng)
    centres = spread(samples, num_clusters, rng)
    labels = None
    for _ in range(iterations):
        scores = samples @ centres.T - 0.5 * np.sum(centres**2, axis=1)
        previous, labels = labels, np.argmax(scores, axis=1)
        counts = np.bincount(labels, minlength=num_clusters)
        if previous is not None and np.array_equal(labels, previous):
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, samples)
        lone = counts == 0
        centres = np.where(lone[:, None], centres, sums / np.maximum(counts, 1)[:, None])
    return centres.astype("float32"), (counts / counts.sum()).astype("float32")


def learn_dictionary(samples, num_atoms, sparsity, selection="omp", rounds=15, seed=0):
    """A dictionary by alternating sparse coding and least squares.

    The method of optimal directions (Engan, Aase & Husoy 1999), from the samples' principal axes
    (which end lower than any random start tried) and, for atoms beyond `dim`, samples far apart;
    an atom that nothing uses takes the direction of the signal that is coded worst.

    Args:
        samples: `(n, dim)` float32.
        num_atoms, sparsity, selection: as in `orthogonal_matching_pursuit`.
        rounds: int, alternations.
        seed: int.

    Returns:
        atoms `(num_atoms, dim)` of unit length, float32, and the coefficients
        `(n, sparsity)` of the samples looked at.
    """
    rng = np.random.default_rng(seed)
    samples = bounded(samples, rng)
    _, axes = np.linalg.eigh(samples.T @ samples)
    atoms = axes.T[::-1][:num_atoms]
    if num_atoms > len(atoms):
        atoms = np.concatenate([atoms, spread(samples, num_atoms - len(atoms), rng)])
    atoms = _unit(atoms, rng)
    for last in [False] * rounds + [True]:
        indices, coefficients = (
            ops.convert_to_numpy(part)
            for part in orthogonal_matching_pursuit(samples, atoms, sparsity, selection=selection)
        )
        if last:
            return atoms, coefficients
        codes = np.zeros((len(samples), num_atoms), "float32")
        np.put_along_axis(codes, indices, coefficients, axis=1)
        gram = (codes.T @ codes).astype("float64")
        ridge = 1e-6 * np.trace(gram) / num_atoms + 1e-12
        atoms_given = np.linalg.solve(gram + ridge * np.eye(num_atoms), codes.T @ samples)
        atoms = _unit(atoms_given.astype("float32"), rng)
        unused = np.flatnonzero(np.sum(codes != 0, axis=0) <= 1e-4 * len(samples))
        errors = np.sum((samples - codes @ atoms_given) ** 2, axis=1)
        worst = np.argsort(-errors)[: len(unused)]
        atoms[unused[: len(worst)]] = _unit(samples[worst], rng)


def _unit(vectors, rng):
    """Rows scaled to unit length; rows of length 0 become random directions."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.where(norms > 1e-12, vectors, rng.normal(size=vectors.shape))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
