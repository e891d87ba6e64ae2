"""k-means clustering on the host, with k-means++ starts."""

import math

import numpy as np

# Signals that a start looks at: enough for any codebook here, bounded for memory and time.
SAMPLE_SIZE = 32768
# Centres found in all the starts of a k-means: small codebooks need several, large ones none.
CENTRES_SOUGHT = 512


def bounded(samples, rng):
    """At most `SAMPLE_SIZE` rows of samples, chosen at random."""
    if len(samples) <= SAMPLE_SIZE:
        return samples
    return samples[np.sort(rng.choice(len(samples), SAMPLE_SIZE, replace=False))]


def spread(samples, count, rng):
    """`count` rows of samples far from one another.

    k-means++ (Arthur & Vassilvitskii 2007); each is the best of a few drawn, as in scikit-learn.
    """
    tries = 2 + int(math.log(count))
    squares = np.sum(samples**2, axis=1)

    def distances_to(rows):
        # As a product, many times as fast as by differences; rounding may fall below zero, and
        # leave what is equal a little apart.
        found = squares[rows, None] - 2 * (samples[rows] @ samples.T) + squares
        return np.where(found > 1e-6 * (squares[rows, None] + squares), found, 0)

    chosen = [int(rng.integers(len(samples)))]
    distances = distances_to(chosen)[0]
    for _ in range(count - 1):
        total = distances.sum()
        # Fewer distinct samples than asked for: any of them again.
        shares = distances / total if total > 0 else None
        drawn = rng.choice(len(samples), tries, p=shares)
        left = np.minimum(distances, distances_to(drawn))
        best = int(np.argmin(left.sum(axis=1)))
        chosen.append(drawn[best])
        distances = left[best]
    return samples[chosen]


def kmeans(samples, num_clusters, iterations=50, seed=0):
    """Lloyd's k-means, the best of up to eight starts.

    Args:
        samples: `(n, dim)` float32.
        num_clusters: int.
        iterations: int, rounds of a start at most.
        seed: int.

    Returns:
        centres `(num_clusters, dim)` and the share of samples of each `(num_clusters,)`, float32.
    """
    rng = np.random.default_rng(seed)
    samples = bounded(samples, rng)
    starts = min(8, max(1, CENTRES_SOUGHT // num_clusters))
    runs = [_lloyd(samples, spread(samples, num_clusters, rng), iterations) for _ in range(starts)]
    centres, labels, _ = min(runs, key=lambda run: run[2])
    counts = np.bincount(labels, minlength=num_clusters)
    return centres.astype("float32"), (counts / counts.sum()).astype("float32")


def _lloyd(samples, centres, iterations):
    """Centres, the samples' labels and the mean squared distance, less the samples' squares."""
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
        lone = counts == 0
        means = sums / np.maximum(counts, 1)[:, None]
        centres = np.where(lone[:, None], centres, means).astype("float32")
    return centres, labels, -2 * np.mean(scores.max(axis=1))
