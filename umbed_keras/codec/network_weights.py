"""The weights of the network that predicts symbols: their shapes, rounding and packing."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import (
    COUNT,
    ENTRY,
    FACTOR,
    NUMBER,
    Symbol,
)
from umbed_keras.codec.interlacing import NUM_KINDS

# Sizes of the vector that represents a position, of the hidden layer that all symbols share, and
# of the hidden layer of each symbol. They are small because each preset stores a network.
VECTOR, SHARED, OWN = 12, 48, 16
# Neighbours of a position, and the two sets of directions (diagonal and direct) they may lie in.
NEIGHBOURS, DIRECTIONS = 4, 2
# Symbols of more values are coded as two digits.
MAX_DIGIT = 32
# Largest magnitudes of rounded weights, and of vectors, biases and scales.
WEIGHT, LARGEST = 127, 1023
# Names and dtypes of the two arrays that hold all weights.
DTYPES = {"whole": "int8", "real": "float32"}


def digit_sizes(size: int) -> tuple[int, int]:
    """Returns the number of values of the two digits of a symbol.

    A symbol is `high digit * low + low digit`. One of 512 values then needs the frequencies of
    only 32 and 16 values.

    Args:
        size: int >= 1, number of values of the symbol.

    Returns:
        `(high, low)`, ints. `low` is 1 if one digit suffices.

    Examples:
        >>> digit_sizes(20), digit_sizes(512)
        ((20, 1), (32, 16))
    """
    if size <= MAX_DIGIT:
        return size, 1
    low = 1 << (size - 1).bit_length() // 2
    return -(-size // low), low


def num_low_digits(size: int) -> int:
    """Returns the number of low digits of a symbol, over all its high digits.

    Args:
        size: int >= 1, number of values of the symbol.

    Returns:
        int, 0 if one digit suffices.

    Examples:
        >>> num_low_digits(20), num_low_digits(300)
        (0, 304)
    """
    high, low = digit_sizes(size)
    return high * low if low > 1 else 0


def num_vectors(symbol: Symbol) -> int:
    """Returns the number of vectors that represent the values of a symbol.

    Args:
        symbol: `Symbol`.

    Returns:
        int: a vector for each value of an entry or a count; one, to be multiplied, for a number;
        none for a factor, which multiplies the vector of its entry.

    Examples:
        >>> num_vectors(Symbol(300, ENTRY)), num_vectors(Symbol(9, NUMBER))
        (300, 1)
    """
    return {ENTRY: symbol.size, COUNT: symbol.size, NUMBER: 1, FACTOR: 0}[symbol.role]


def least_counts(symbols: Sequence[Symbol]) -> list[int]:
    """Returns the count from which on each symbol is present.

    Args:
        symbols: list of `Symbol`.

    Returns:
        List of ints: a symbol is present if the first symbol of its code, the count, is at least
        this. 0 for symbols that are always present.

    Examples:
        >>> pair = [Symbol(40, ENTRY), Symbol(15, FACTOR)]
        >>> least_counts([Symbol(3, COUNT), *pair, *pair])
        [0, 1, 1, 2, 2]
    """
    counts, entries = [], 0
    for _, role in symbols:
        entries += role == ENTRY
        counts.append(entries if symbols[0].role == COUNT else 0)
    return counts


def weight_shapes(symbols: Sequence[Symbol]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Returns shape and dtype of all rounded weights, in the order in which they are packed.

    Args:
        symbols: list of `Symbol`.

    Returns:
        Name to `(shape, dtype)`: weights are int8; biases, and the scales of weights, are float32.

    Examples:
        >>> shapes = weight_shapes([Symbol(5, ENTRY)])
        >>> shapes["high_0"], shapes["high_0_scale"]
        (((16, 5), 'int8'), ((), 'float32'))
    """
    shapes = {
        "around": (DIRECTIONS, NEIGHBOURS * VECTOR, SHARED),
        "before": (VECTOR, SHARED),
        "pending": (VECTOR, SHARED),
    }
    biases = {"kind_bias": (NUM_KINDS, SHARED), "symbol_bias": (len(symbols), SHARED)}
    for index, symbol in enumerate(symbols):
        size, (high, _) = symbol.size, digit_sizes(symbol.size)
        shapes[f"vectors_{index}"] = num_vectors(symbol), VECTOR
        shapes[f"hidden_{index}"] = SHARED, OWN
        shapes[f"high_{index}"] = OWN, high
        shapes[f"low_{index}"] = OWN, num_low_digits(size)
        biases[f"hidden_bias_{index}"] = (OWN,)
        biases[f"high_bias_{index}"] = (high,)
        biases[f"low_bias_{index}"] = (num_low_digits(size),)
    scales = {f"{name}_scale": () for name in shapes}
    return {
        **{name: (shape, "int8") for name, shape in shapes.items()},
        **{name: (shape, "float32") for name, shape in {**biases, **scales}.items()},
    }


def pack_weights(
    weights: Mapping[str, np.ndarray], symbols: Sequence[Symbol]
) -> dict[str, np.ndarray]:
    """Packs rounded weights into two arrays, which a file holds with little overhead.

    Args:
        weights: name to array, from `CodeNetwork.rounded_weights`.
        symbols: list of `Symbol`.

    Returns:
        `whole`, int8 `(n,)`, and `real`, float32 `(m,)`: the weights in the order of
        `weight_shapes`.

    Examples:
        >>> from umbed_keras.codec.code_network import CodeNetwork
        >>> symbols = [Symbol(5, ENTRY)]
        >>> arrays = pack_weights(CodeNetwork(symbols).rounded_weights(), symbols)
        >>> {name: part.shape for name, part in arrays.items()}
        {'whole': (6668,), 'real': (412,)}
    """
    shapes = weight_shapes(symbols)
    return {
        kind: np.concatenate(
            [np.ravel(weights[name]) for name in shapes if shapes[name][1] == dtype]
        )
        for kind, dtype in DTYPES.items()
    }


def unpack_weights(
    arrays: Mapping[str, np.ndarray], symbols: Sequence[Symbol]
) -> dict[str, np.ndarray]:
    """Restores the weights that `pack_weights` packed.

    Args:
        arrays: name to array, perhaps read from a file.
        symbols: list of `Symbol`.

    Returns:
        Name to array, as `weight_shapes` lists them.

    Raises:
        ValueError: if `arrays` are not named `whole` and `real`, or have other shapes or dtypes
            than the symbols need.
        ValueError: if a value is not finite or so large that sums would not be exact.

    Examples:
        >>> from umbed_keras.codec.code_network import CodeNetwork
        >>> symbols = [Symbol(5, ENTRY)]
        >>> arrays = pack_weights(CodeNetwork(symbols).rounded_weights(), symbols)
        >>> unpack_weights(arrays, symbols)["high_0"].shape
        (16, 5)
    """
    shapes, weights = weight_shapes(symbols), {}
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
            weights[name] = piece.reshape(shapes[name][0])
    return weights
