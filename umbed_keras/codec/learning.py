"""Learning how probable codes are beside their neighbours."""

import keras
import numpy as np

from umbed_keras.codec.code_network import CodeNetwork
from umbed_keras.codec.network_tables import packed, tables
from umbed_keras.codec.passes import passes
from umbed_keras.codec.starting_vectors import starting_vectors
from umbed_keras.codec.symbol_layout import least_counts

# To learn from at most: places, and symbols in them. Passes over them; the steps' size and rate.
PLACES, SYMBOLS = 1 << 20, 1 << 22
EPOCHS, LEARNING_RATE = 4, 1e-2
# A batch is a share of the places, within bounds.
BATCH_SHARE, BATCHES = 256, (64, 1024)


def learn_tables(symbols, maps, latents, seed=0, verbose=1, epochs=EPOCHS):
    """The arrays of an `IntegerNetwork`, learned from maps of symbols.

    Args:
        symbols: list of `Symbol`.
        maps: list of int arrays `(rows, cols, symbols)`.
        latents: float `(n, latent_dim)`, what the first n codes of the maps stand for.
        seed: int, of the network's start, of the places and of their order.
        verbose: as in `keras.Model.fit`.
        epochs: int, passes over the places.

    Returns:
        Name to array.
    """
    places = _places(maps, np.random.default_rng(seed))
    batches = _Batches(places, seed)
    network = CodeNetwork(symbols, seed)
    values = np.concatenate([part.reshape(-1, len(symbols)) for part in maps])[: len(latents)]
    starts = starting_vectors(symbols, values, latents, seed)
    for vectors, start in zip(network.vectors, starts, strict=True):
        vectors.assign(start)
    for place, (symbol, least) in enumerate(zip(symbols, least_counts(symbols), strict=True)):
        own = places["own"]
        own = own[own[:, 0] >= least, place]
        network.set_shares(place, np.bincount(own, minlength=symbol.size))
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, epochs * len(batches))
    network.compile(optimizer=keras.optimizers.Adam(schedule), jit_compile=False)
    network.fit(batches, epochs=epochs, verbose=verbose)
    return packed(tables(network), symbols)


class _Batches(keras.utils.PyDataset):
    """Batches of places, of one size each, in another order every epoch."""

    def __init__(self, places, seed):
        super().__init__()
        self.places, self.random = places, np.random.default_rng(seed)
        count = len(places["kinds"])
        self.size = min(count, int(np.clip(count // BATCH_SHARE, *BATCHES)))
        self.on_epoch_end()

    def __len__(self):
        return len(self.order) // self.size

    def __getitem__(self, index):
        chosen = self.order[index * self.size : (index + 1) * self.size]
        return ({name: part[chosen].astype("int32") for name, part in self.places.items()},)

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.places["kinds"]))


def _places(maps, random):
    """Kinds, symbols and neighbours' symbols of places of maps, a sample if they are many."""
    most = min(PLACES, SYMBOLS // maps[0].shape[-1])
    share = min(1.0, most / sum(part[..., 0].size for part in maps))
    found = {"kinds": [], "neighbours": [], "own": []}
    for part in maps:
        rows, cols, count = part.shape
        flat = part.reshape(-1, count)
        for kind, places, neighbours in passes(rows, cols):
            if share < 1:
                chosen = random.random(len(places)) < share
                places, neighbours = places[chosen], neighbours[chosen]
            found["kinds"].append(np.full(len(places), kind, "uint8"))
            found["neighbours"].append(flat[neighbours].astype("uint16"))
            found["own"].append(flat[places].astype("uint16"))
    return {name: np.concatenate(parts) for name, parts in found.items()}
