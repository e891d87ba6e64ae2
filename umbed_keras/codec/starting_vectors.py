"""Where the vectors of symbols start: at what the symbols stand for."""

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR
from umbed_keras.codec.code_network import VECTOR
from umbed_keras.codec.symbol_layout import num_vectors

# Rounds in which each symbol takes what the others leave over (backfitting).
ROUNDS = 3
# Deviation of what is random, where latents have fewer dimensions than vectors.
NOISE = 0.1


def starting_vectors(symbols, values, latents, seed=0):
    """Vectors whose sums come near the first principal components of latents.

    Args:
        symbols: list of `Symbol`.
        values: int `(n, symbols)`, codes.
        latents: float `(n, latent_dim)`, what they stand for; the first component is scaled to
            unit deviation.
        seed: int.

    Returns:
        List of float32 arrays `(rows, VECTOR)`: a row an entry or a count, one for a number,
        none for a factor.
    """
    latents = latents.astype("float64") - latents.mean(axis=0)
    _, axes = np.linalg.eigh(latents.T @ latents)
    targets = latents @ axes[:, ::-1][:, :VECTOR]
    targets /= max(targets[:, 0].std(), 1e-12)
    left = np.random.default_rng(seed).normal(scale=NOISE, size=(len(targets), VECTOR))
    left[:, : targets.shape[1]] = targets
    sizes = [num_vectors(symbol) for symbol in symbols]
    vectors = [np.zeros((rows, VECTOR)) for rows in sizes]
    for _ in range(ROUNDS):
        for place, (_, role) in enumerate(symbols):
            if role == FACTOR:
                continue
            rows = values[:, place] if role in (ENTRY, COUNT) else np.zeros(len(values), int)
            factors = _factors(symbols, values, place)[:, None]
            left += factors * vectors[place][rows]
            # Least squares, row by row.
            weights = np.bincount(rows, factors[:, 0] ** 2, sizes[place])
            sums = [np.bincount(rows, part, sizes[place]) for part in (factors * left).T]
            vectors[place] = np.stack(sums, axis=1) / np.maximum(weights, 1e-3)[:, None]
            left -= factors * vectors[place][rows]
    return [part.astype("float32") for part in vectors]


def _factors(symbols, values, place):
    """What the vectors of a symbol are multiplied by."""
    if symbols[place].role == ENTRY:
        place += 1
        if place == len(symbols) or symbols[place].role != FACTOR:
            return np.ones(len(values))
    return values[:, place] / ((symbols[place].size - 1) / 2 or 1.0) - 1
