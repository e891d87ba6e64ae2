"""Training of the network that predicts symbols, on maps of symbols."""

from collections.abc import Sequence

import keras
import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR, Symbol
from umbed_keras.codec.code_network import CodeNetwork
from umbed_keras.codec.interlacing import interlaced_passes
from umbed_keras.codec.network_weights import (
    VECTOR,
    least_counts,
    num_vectors,
    pack_weights,
)

# Largest numbers of positions, and of symbols in them, that the training looks at.
POSITIONS, SYMBOLS = 1 << 20, 1 << 22
EPOCHS, LEARNING_RATE = 4, 1e-2
# A batch has the number of positions divided by this, within bounds.
BATCH_SHARE, BATCH_SIZES = 256, (64, 1024)
# Rounds in which each symbol fits what the others leave (backfitting).
ROUNDS = 3
# Standard deviation of the random part of vectors, if latents have fewer entries than vectors.
NOISE = 0.1


def train_network(
    symbols: Sequence[Symbol],
    maps: Sequence[np.ndarray],
    latents: np.ndarray,
    seed: int = 0,
    verbose: int = 1,
    epochs: int = EPOCHS,
) -> dict[str, np.ndarray]:
    """Trains a `CodeNetwork` and packs its weights.

    Args:
        symbols: list of `Symbol`, each with a size.
        maps: list of integer arrays `(rows, cols, symbols)`.
        latents: floats `(n, latent_dim)`, the latent vectors of the first n codes of the maps.
        seed: int, of the initial weights, of the choice of positions and of their order.
        verbose: int, as in `keras.Model.fit`.
        epochs: int, number of passes over the positions.

    Returns:
        Name to array, as `pack_weights` returns them.

    Examples:
        >>> maps = [np.random.default_rng(0).integers(0, 5, (4, 4, 1))]
        >>> latents = np.eye(5)[maps[0].ravel()]
        >>> arrays = train_network([Symbol(5, ENTRY)], maps, latents, verbose=0, epochs=1)
        >>> sorted(arrays)
        ['real', 'whole']
    """
    positions = _sample_positions(maps, np.random.default_rng(seed))
    batches = _Batches(positions, seed)
    network = CodeNetwork(symbols, seed)
    values = np.concatenate([part.reshape(-1, len(symbols)) for part in maps])[: len(latents)]
    starts = initial_vectors(symbols, values, latents, seed)
    for vectors, start in zip(network.vectors, starts, strict=True):
        vectors.assign(start)
    for index, (symbol, least) in enumerate(zip(symbols, least_counts(symbols), strict=True)):
        own = positions["own"]
        own = own[own[:, 0] >= least, index]
        network.set_frequencies(index, np.bincount(own, minlength=symbol.size))
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * len(batches))
    network.compile(optimizer=keras.optimizers.Adam(schedule), jit_compile=False)
    network.fit(batches, epochs=epochs, verbose=verbose)
    return pack_weights(network.rounded_weights(), symbols)


def initial_vectors(
    symbols: Sequence[Symbol], values: np.ndarray, latents: np.ndarray, seed: int = 0
) -> list[np.ndarray]:
    """Fits vectors of symbols whose sums approximate the principal components of latents.

    Args:
        symbols: list of `Symbol`.
        values: integers `(n, symbols)`, the codes.
        latents: floats `(n, latent_dim)`, the latent vectors of the codes. They are scaled so that
            the first component has unit standard deviation.
        seed: int, of the noise that fills further components.

    Returns:
        List of float32 arrays `(num_vectors, VECTOR)`, one for each symbol.

    Examples:
        >>> values = np.array([[0], [1], [1], [0]])
        >>> vectors = initial_vectors([Symbol(2, ENTRY)], values, 2.0 * values)
        >>> abs(vectors[0][:, 0]).round(3).tolist()
        [1.0, 1.0]
    """
    latents = latents.astype("float64") - latents.mean(axis=0)
    _, axes = np.linalg.eigh(latents.T @ latents)
    targets = latents @ axes[:, ::-1][:, :VECTOR]
    targets /= max(targets[:, 0].std(), 1e-12)
    residuals = np.random.default_rng(seed).normal(scale=NOISE, size=(len(targets), VECTOR))
    residuals[:, : targets.shape[1]] = targets
    sizes = [num_vectors(symbol) for symbol in symbols]
    vectors = [np.zeros((rows, VECTOR)) for rows in sizes]
    for _ in range(ROUNDS):
        for index, (_, role) in enumerate(symbols):
            if role == FACTOR:
                continue
            rows = values[:, index] if role in (ENTRY, COUNT) else np.zeros(len(values), int)
            factors = _factors(symbols, values, index)[:, None]
            residuals += factors * vectors[index][rows]
            # Least squares, row by row.
            weights = np.bincount(rows, factors[:, 0] ** 2, sizes[index])
            sums = [np.bincount(rows, part, sizes[index]) for part in (factors * residuals).T]
            vectors[index] = np.stack(sums, axis=1) / np.maximum(weights, 1e-3)[:, None]
            residuals -= factors * vectors[index][rows]
    return [part.astype("float32") for part in vectors]


def _factors(symbols, values, index) -> np.ndarray:
    """Returns the factor `(n,)` by which the vector of a symbol is multiplied in each code."""
    if symbols[index].role == ENTRY:
        index += 1
        if index == len(symbols) or symbols[index].role != FACTOR:
            return np.ones(len(values))
    return values[:, index] / ((symbols[index].size - 1) / 2 or 1.0) - 1


class _Batches(keras.utils.PyDataset):
    """Batches of positions, all of one size, in another order in every epoch."""

    def __init__(self, positions, seed):
        super().__init__()
        self.positions, self.random = positions, np.random.default_rng(seed)
        count = len(positions["kinds"])
        self.size = min(count, int(np.clip(count // BATCH_SHARE, *BATCH_SIZES)))
        self.on_epoch_end()

    def __len__(self):
        return len(self.order) // self.size

    def __getitem__(self, index):
        chosen = self.order[index * self.size : (index + 1) * self.size]
        return ({name: part[chosen].astype("int32") for name, part in self.positions.items()},)

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.positions["kinds"]))


def _sample_positions(maps, random) -> dict[str, np.ndarray]:
    """Returns kinds, neighbours and symbols of positions of maps, a sample if there are many."""
    most = min(POSITIONS, SYMBOLS // maps[0].shape[-1])
    share = min(1.0, most / sum(part[..., 0].size for part in maps))
    # The smallest type, because neighbours take most of the memory.
    dtype = np.min_scalar_type(max(int(part.max()) for part in maps))
    sample = {"kinds": [], "neighbours": [], "own": []}
    for part in maps:
        rows, cols, count = part.shape
        flat = part.reshape(-1, count).astype(dtype)
        for kind, positions, neighbours in interlaced_passes(rows, cols):
            if share < 1:
                chosen = random.random(len(positions)) < share
                positions, neighbours = positions[chosen], neighbours[chosen]
            sample["kinds"].append(np.full(len(positions), kind, "uint8"))
            sample["neighbours"].append(flat[neighbours])
            sample["own"].append(flat[positions])
    return {name: np.concatenate(parts) for name, parts in sample.items()}
