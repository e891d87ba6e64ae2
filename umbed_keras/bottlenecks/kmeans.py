"""k-means clustering on the host, started by k-means++."""

import math

import numpy as np

# Rows of a sample that starting values are computed from: enough for any codebook of this package,
# and a bound on memory and time.
SAMPLE_SIZE = 32768
# Centres of all starts together: small codebooks need several starts, large ones only one.
CENTRES_OF_ALL_STARTS = 512


def subsample(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chooses at most `SAMPLE_SIZE` rows at random, in their order.

    Args:
        samples: `(n, dim)`.
        rng: NumPy generator.

    Returns:
        Array `(min(n, SAMPLE_SIZE), dim)`.

    Examples:
        >>> subsample(np.zeros((40_000, 2)), np.random.default_rng(0)).shape
        (32768, 2)
    """
    if len(samples) <= SAMPLE_SIZE:
        return samples
    return samples[np.sort(rng.choice(len(samples), SAMPLE_SIZE, replace=False))]


def spread_samples(samples: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Chooses rows that lie far from one another, by k-means++.

    Each row is the best of a few candidates (Arthur & Vassilvitskii 2007), as in scikit-learn.

    Args:
        samples: float32 `(n, dim)`.
        count: int, number of rows to choose; some are chosen again if there are fewer distinct
            ones.
        rng: NumPy generator.

    Returns:
        float32 array `(count, dim)`.

    Examples:
        >>> samples = np.array([[0.0], [0.1], [9.0], [9.1]], "float32")
        >>> chosen = spread_samples(samples, 2, np.random.default_rng(0))
        >>> bool(abs(chosen[0, 0] - chosen[1, 0]) > 8)
        True
    """
    num_candidates = 2 + int(math.log(count))
    squares = np.sum(samples**2, axis=1)

    def distances_to(rows):
        # By products, many times as fast as by differences. Rounding may make them negative, or
        # leave equal rows a little apart.
        distances = squares[rows, None] - 2 * (samples[rows] @ samples.T) + squares
        return np.where(distances > 1e-6 * (squares[rows, None] + squares), distances, 0)

    chosen = [int(rng.integers(len(samples)))]
    distances = distances_to(chosen)[0]
    for _ in range(count - 1):
        total = distances.sum()
        # If all distinct rows are chosen, any row again.
        probabilities = distances / total if total > 0 else None
        candidates = rng.choice(len(samples), num_candidates, p=probabilities)
        remaining = np.minimum(distances, distances_to(candidates))
        best = int(np.argmin(remaining.sum(axis=1)))
        chosen.append(candidates[best])
        distances = remaining[best]
    return samples[chosen]


def kmeans(
    samples: np.ndarray, num_clusters: int, iterations: int = 50, seed: int | None = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters samples by Lloyd's k-means, the best of up to eight starts.

    Args:
        samples: float32 `(n, dim)`; at most `SAMPLE_SIZE` rows of it are used.
        num_clusters: int.
        iterations: int, largest number of iterations of a start.
        seed: int, of the starts.

    Returns:
        Centres, float32 `(num_clusters, dim)`, and the share of samples of each, float32
        `(num_clusters,)`.

    Examples:
        >>> samples = np.array([[0.0], [9.0], [10.0], [11.0]], "float32")
        >>> centres, shares = kmeans(samples, 2)
        >>> sorted(centres[:, 0].tolist()), sorted(shares.tolist())
        ([0.0, 10.0], [0.25, 0.75])
    """
    rng = np.random.default_rng(seed)
    samples = subsample(samples, rng)
    num_starts = min(8, max(1, CENTRES_OF_ALL_STARTS // num_clusters))
    runs = [
        _lloyd(samples, spread_samples(samples, num_clusters, rng), iterations)
        for _ in range(num_starts)
    ]
    centres, labels, _ = min(runs, key=lambda run: run[2])
    counts = np.bincount(labels, minlength=num_clusters)
    return centres.astype("float32"), (counts / counts.sum()).astype("float32")


def _lloyd(samples, centres, iterations):
    """Centres, labels, and the mean squared distance minus the mean square of the samples."""
    labels = None
    for _ in range(iterations):
        scores = samples @ centres.T - 0.5 * np.sum(centres**2, axis=1)
        previous, labels = labels, np.argmax(scores, axis=1)
        if previous is not None and np.array_equal(labels, previous):
            break
        counts = np.bincount(labels, minlength=len(centres))
        sums = np.stack(
            [np.bincount(labels, column, minlength=len(centres)) for column in samples.T], axis=1
        )
        empty = counts == 0
        means = sums / np.maximum(counts, 1)[:, None]
        centres = np.where(empty[:, None], centres, means).astype("float32")
    return centres, labels, -2 * np.mean(scores.max(axis=1))
