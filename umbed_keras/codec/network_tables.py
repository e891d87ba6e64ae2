"""What a `CodeNetwork` has learned as small whole numbers, and as what a file holds."""

import math

import numpy as np

from umbed_keras.codec.code_network import DIRECTIONS, NEIGHBOURS, OWN, SHARED, VECTOR
from umbed_keras.codec.digits import lows, split
from umbed_keras.codec.passes import NUM_KINDS
from umbed_keras.codec.symbol_layout import num_vectors

# Largest magnitudes of weights, and of vectors of places, biases and scales.
WEIGHT, LARGEST = 127, 1023
# What tables are packed into.
DTYPES = {"whole": "int8", "real": "float32"}


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


def table_shapes(symbols):
    """Shape and dtype of every table."""
    shapes = {
        "around": (DIRECTIONS, NEIGHBOURS * VECTOR, SHARED),
        "before": (VECTOR, SHARED),
        "pending": (VECTOR, SHARED),
    }
    biases = {"kind_bias": (NUM_KINDS, SHARED), "symbol_bias": (len(symbols), SHARED)}
    for place, symbol in enumerate(symbols):
        size, (high, _) = symbol.size, split(symbol.size)
        shapes[f"vectors_{place}"] = num_vectors(symbol), VECTOR
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
        symbols: list of `Symbol`.

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


def unpacked(arrays, symbols):
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
