"""The network that told codes from their neighbours, in whole numbers."""

import math

import numpy as np

from umbed_keras.codec.code_network import CEILING, DIRECTIONS, NEIGHBOURS, OWN, SHARED, VECTOR
from umbed_keras.codec.digits import lows, split
from umbed_keras.codec.passes import NUM_KINDS, passes
from umbed_keras.layers.symbols import ENTRY, FACTOR, NUMBER

# Numbers computed at once: they stay in cache.
CHUNK = 1 << 21
# Largest magnitudes of weights, of activations, and of vectors of places, biases and scales.
WEIGHT, ACTIVATION, LARGEST = 127, 255, 1023
# What tables are packed into.
DTYPES = {"whole": "int8", "real": "float32"}
# Probabilities: steps of a logit, in nats, e^0 as a whole number, and the rest, down to 1.
STEP, ONE = 1 / 32, 1 << 16
FREQUENCIES = np.rint(ONE * np.exp(-STEP * np.arange(int(11 / STEP))))


def tables(network):
    """What a `CodeNetwork` has learned, as small whole numbers.

    Returns:
        Name to array: int8 weights, float32 biases, and `name_scale`, float32, what a weight's
        unit is worth.
    """
    found = {}

    def rounded(name, weights, scale=None):
        weights = np.asarray(weights, "float32")
        if scale is None:
            scale = max(np.abs(weights).max(initial=0), 1e-6) / WEIGHT
        found[name] = np.rint(weights / scale).astype("int8")
        found[f"{name}_scale"] = np.float32(scale)

    for name in ("around", "before", "pending"):
        rounded(name, getattr(network, name))
    for name in ("kind_bias", "symbol_bias"):
        found[name] = np.asarray(getattr(network, name), "float32")
    vectors = [np.asarray(vectors) for vectors in network.vectors]
    # One scale, for they are added.
    scale = max(1e-6, *(np.abs(part).max(initial=0) for part in vectors)) / WEIGHT
    for place, part in enumerate(vectors):
        rounded(f"vectors_{place}", part, scale)
        for name in ("hidden", "high", "low"):
            rounded(f"{name}_{place}", getattr(network, name)[place])
            bias = np.asarray(getattr(network, f"{name}_bias")[place], "float32")
            found[f"{name}_bias_{place}"] = bias
    return found


class IntegerNetwork:
    """Probabilities of symbols, the same on every machine.

    After Balle, Johnston & Minnen 2019, "Integer networks for data compression with latent-variable
    models": all sums are of whole numbers and below 2^24, exact in float32 in whatever order a
    processor adds; the rest is done number by number, as IEEE 754 defines it.

    Args:
        symbols: list of `umbed_keras.layers.symbols.Symbol`.
        arrays: what `packed` gives of its tables.

    Raises:
        ValueError: arrays that don't fit the symbols.
    """

    def __init__(self, symbols, arrays):
        self.symbols = list(symbols)
        self._tables = {
            name: part.astype("float32") for name, part in _unpacked(arrays, self.symbols).items()
        }

    @property
    def least_bits(self):
        """What the symbols of a place cost at least."""
        digits = np.array([split(size)[0] for size, _ in self.symbols])
        return float(np.log2(1 + (digits - 1) / ONE).sum())

    def transfer(self, coder, symbols, rows, cols):
        """Sends the symbols of a map through a coder.

        Args:
            coder: `Encoder` or `Decoder`.
            symbols: int32 `(rows * cols, symbols)`; None where they are to be read.
            rows, cols: ints.

        Returns:
            The symbols.
        """
        count = len(self.symbols)
        found = np.empty((rows * cols, count), "int32")
        vectors = np.zeros((rows * cols, VECTOR), "float32")
        step = max(1, CHUNK // max(SHARED, *(size for size, _ in self.symbols)))
        for kind, places, neighbours in passes(rows, cols):
            for start in range(0, len(places), step):
                chunk = places[start : start + step]
                shared = self._shared(kind, vectors, neighbours[start : start + step])
                given = [None] * count if symbols is None else symbols[chunk].T
                found[chunk], vectors[chunk] = self._place(coder, shared, given)
        return found

    def _place(self, coder, shared, given):
        """Transfers the symbols of places, one after the other; gives them and their vectors."""
        before = pending = np.zeros((len(shared), VECTOR), "float32")
        found = np.empty((len(shared), len(self.symbols)), "int32")
        for place in range(len(self.symbols)):
            mixed = shared + self._tables["symbol_bias"][place]
            if place:
                mixed += self._product(before, "before")
                mixed += self._product(pending, "pending")
            mixed = _activations(mixed)
            hidden = self._product(mixed, f"hidden_{place}", CEILING / ACTIVATION)
            hidden = _activations(hidden + self._tables[f"hidden_bias_{place}"])
            found[:, place] = self._transfer(coder, place, hidden, given[place])
            before, pending = self._added(place, before, pending, found[:, place])
        return found, before

    def _shared(self, kind, vectors, neighbours):
        bias = self._tables["kind_bias"][kind]
        if not kind:
            return np.tile(bias, (len(neighbours), 1))
        around = vectors[neighbours].reshape(len(neighbours), -1)
        direct = int(kind > NUM_KINDS // 2)
        unit = self._tables["around_scale"] * self._tables["vectors_0_scale"]
        return around @ self._tables["around"][direct] * unit + bias

    def _product(self, whole, name, unit=None):
        """Whole numbers times whole weights, in units of 1."""
        if unit is None:
            unit = self._tables["vectors_0_scale"]
        return whole @ self._tables[name] * (self._tables[f"{name}_scale"] * np.float32(unit))

    def _transfer(self, coder, place, hidden, symbols):
        size = self.symbols[place].size
        if size == 1:
            return np.zeros(len(hidden), "int32")
        high, low = split(size)
        unit = CEILING / ACTIVATION
        logits = self._product(hidden, f"high_{place}", unit) + self._tables[f"high_bias_{place}"]
        first = coder.transfer(None if symbols is None else symbols // low, _frequencies(logits))
        if low == 1:
            return first
        logits = self._product(hidden, f"low_{place}", unit) + self._tables[f"low_bias_{place}"]
        logits = logits.reshape(-1, high, low)[np.arange(len(first)), first]
        frequencies = _frequencies(logits)
        if high * low > size:
            frequencies[first == high - 1, size - (high - 1) * low :] = 0
        second = coder.transfer(None if symbols is None else symbols % low, frequencies)
        found = first * low + second
        if symbols is None and (found >= size).any():
            raise ValueError("The stream is damaged: it holds a symbol that there isn't.")
        return found

    def _added(self, place, before, pending, symbols):
        size, role = self.symbols[place]
        if role == ENTRY:
            vector = self._tables[f"vectors_{place}"][symbols]
            follows = self.symbols[place + 1 : place + 2]
            if follows and follows[0].role == FACTOR:
                return before, vector
        else:
            middle = np.float32((size - 1) / 2 or 1)
            values = (symbols.astype("float32") / middle - 1)[:, None]
            direction = pending if role == FACTOR else self._tables[f"vectors_{place}"]
            vector = np.rint(values * direction)
        return np.clip(before + vector, -LARGEST, LARGEST), np.zeros_like(pending)


def _activations(values):
    """Values from 0 to `CEILING` in whole steps of a 255th of it; overwrites them."""
    values *= np.float32(ACTIVATION / CEILING)
    return np.clip(np.rint(values, out=values), 0, ACTIVATION, out=values)


def _frequencies(logits):
    """Whole numbers in proportion to the exponentials of logits, the largest `ONE`."""
    logits -= logits.max(axis=1, keepdims=True)
    logits *= np.float32(-1 / STEP)
    np.minimum(logits, len(FREQUENCIES) - 1, out=logits)
    return FREQUENCIES[np.rint(logits, out=logits).astype("int32")]


def table_shapes(symbols):
    """Shape and dtype of every table."""
    shapes = {
        "around": (DIRECTIONS, NEIGHBOURS * VECTOR, SHARED),
        "before": (VECTOR, SHARED),
        "pending": (VECTOR, SHARED),
    }
    biases = {"kind_bias": (NUM_KINDS, SHARED), "symbol_bias": (len(symbols), SHARED)}
    for place, (size, role) in enumerate(symbols):
        high, _ = split(size)
        rows = {ENTRY: size, NUMBER: 1, FACTOR: 0}[role]
        shapes[f"vectors_{place}"] = rows, VECTOR
        shapes[f"hidden_{place}"] = SHARED, OWN
        shapes[f"high_{place}"] = OWN, high
        shapes[f"low_{place}"] = OWN, lows(size)
        biases[f"hidden_bias_{place}"] = (OWN,)
        biases[f"high_bias_{place}"] = (high,)
        biases[f"low_bias_{place}"] = (lows(size),)
    scales = {f"{name}_scale": () for name in shapes}
    return {
        **{name: (shape, "int8") for name, shape in shapes.items()},
        **{name: (shape, "float32") for name, shape in {**biases, **scales}.items()},
    }


def packed(tables, symbols):
    """Tables as two arrays, which a file holds in little more than their bytes.

    Args:
        tables: what `tables` gives.
        symbols: list of `umbed_keras.layers.symbols.Symbol`.

    Returns:
        `whole`, int8 `(n,)`, and `real`, float32 `(m,)`: tables in the order of `table_shapes`.
    """
    shapes = table_shapes(symbols)
    return {
        kind: np.concatenate(
            [np.ravel(tables[name]) for name in shapes if shapes[name][1] == dtype]
        )
        for kind, dtype in DTYPES.items()
    }


def _unpacked(arrays, symbols):
    """The tables that `packed` made arrays of, checked."""
    shapes, tables = table_shapes(symbols), {}
    if set(arrays) != set(DTYPES):
        raise ValueError(f"The codec must hold {sorted(DTYPES)}. Received: {sorted(arrays)}")
    for kind, dtype in DTYPES.items():
        names = [name for name in shapes if shapes[name][1] == dtype]
        sizes = [math.prod(shapes[name][0]) for name in names]
        part = arrays[kind]
        if part.shape != (sum(sizes),) or part.dtype != dtype:
            raise ValueError(
                f"{kind!r} of the codec must be {dtype} of shape {(sum(sizes),)}. Received: "
                f"{part.dtype} of shape {part.shape}"
            )
        if not (np.abs(part.astype("float32")) <= LARGEST).all():
            raise ValueError(f"{kind!r} of the codec must lie within {LARGEST} of 0.")
        for name, piece in zip(names, np.split(part, np.cumsum(sizes)[:-1]), strict=True):
            tables[name] = piece.reshape(shapes[name][0])
    return tables
