"""The network that predicts symbols, in whole numbers, for coding."""

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR, Symbol
from umbed_keras.codec.code_network import CEILING
from umbed_keras.codec.integer_layers import DividedLayer, Layer
from umbed_keras.codec.interlacing import NUM_KINDS, interlaced_passes
from umbed_keras.codec.network_weights import (
    LARGEST,
    VECTOR,
    digit_sizes,
    least_counts,
    unpack_weights,
)
from umbed_keras.codec.range_coder import Decoder, Encoder, run_in_turns

# Positions that are computed at once, so that their arrays stay in cache, and number of such chunks
# that are coded side by side. Both are part of the format of streams; the number of threads is not.
WIDTH, CHUNKS, THREADS = 8192, 4, 2
# Largest activation, a whole number.
ACTIVATION = 255
# Steps of logits in nats; the frequency of the largest logit; and the frequencies of logits that
# lie 0, 1, 2... steps below it.
STEP, ONE = 1 / 32, 1 << 16
FREQUENCIES = np.rint(ONE * np.exp(-STEP * np.arange(int(11 / STEP))))


class IntegerNetwork:
    """Codes maps of symbols with probabilities that are equal on every machine.

    Computes what a trained `CodeNetwork` computes, after Balle, Johnston & Minnen 2019, "Integer
    networks for data compression with latent-variable models". All sums are of whole numbers and
    below 2^24, and so exact in float32 in any order of summation. All other operations are
    elementwise, and IEEE 754 defines their results. Arrays have shape `(features, positions)`, for
    speed.

    Args:
        symbols: list of `Symbol`, each with a size.
        arrays: name to array, from `pack_weights`.

    Raises:
        ValueError: if `arrays` do not fit the symbols.

    Examples:
        >>> from umbed_keras.codec.code_network import CodeNetwork
        >>> from umbed_keras.codec.network_weights import pack_weights
        >>> symbols = [Symbol(5, ENTRY)]
        >>> arrays = pack_weights(CodeNetwork(symbols).rounded_weights(), symbols)
        >>> network, encoder = IntegerNetwork(symbols, arrays), Encoder()
        >>> _ = network.transfer(encoder, np.array([[0], [4], [2]], "int32"), rows=1, cols=3)
        >>> network.transfer(Decoder(encoder.data()), None, rows=1, cols=3).tolist()
        [[0], [4], [2]]
    """

    def __init__(self, symbols: Sequence[Symbol], arrays: Mapping[str, np.ndarray]):
        self.symbols = list(symbols)
        self._least_counts = least_counts(self.symbols)
        weights = unpack_weights(arrays, self.symbols)
        self._vectors = [
            weights[f"vectors_{index}"].astype("float32") for index in range(len(self.symbols))
        ]
        activation = ACTIVATION / CEILING
        scales = {name: float(part) for name, part in weights.items() if name.endswith("_scale")}
        unit = scales["vectors_0_scale"] * activation

        def biases(name, unit):
            return (weights[name] * np.float32(unit))[..., None]

        def layer(name, unit, bias=None):
            return Layer(weights[name], scales[f"{name}_scale"] * unit, bias)

        self._kind_bias = biases("kind_bias", activation)
        self._around = [Layer(part, scales["around_scale"] * unit) for part in weights["around"]]
        self._before = [layer("before", unit, bias) for bias in biases("symbol_bias", activation)]
        self._pending = layer("pending", unit)
        self._hidden, self._high, self._low = [], [], []
        for index, (size, _) in enumerate(self.symbols):
            bias = biases(f"hidden_bias_{index}", activation)
            self._hidden.append(layer(f"hidden_{index}", 1.0, bias))
            bias = biases(f"high_bias_{index}", 1 / STEP)
            self._high.append(layer(f"high_{index}", 1 / STEP / activation, bias))
            bias = biases(f"low_bias_{index}", 1 / STEP)
            low = layer(f"low_{index}", 1 / STEP / activation, bias)
            self._low.append(DividedLayer(low, digit_sizes(size)[0]))

    @property
    def least_bits(self) -> float:
        """The least cost in bits of the symbols of a position."""
        always = zip(self.symbols, self._least_counts, strict=True)
        digits = np.array([digit_sizes(size)[0] for (size, _), count in always if not count])
        return float(np.log2(1 + (digits - 1) / ONE).sum())

    def transfer(
        self, coder: Encoder | Decoder, symbols: np.ndarray | None, rows: int, cols: int
    ) -> np.ndarray:
        """Writes the symbols of a map to an encoder, or reads them from a decoder.

        Args:
            coder: `Encoder` or `Decoder`.
            symbols: int32 `(rows * cols, symbols)`, or None if they are to be read.
            rows: int, height of the map.
            cols: int, width of the map.

        Returns:
            int32 array `(rows * cols, symbols)`, the symbols.

        Raises:
            ValueError: if a stream is damaged.
        """
        # Absent entries are 0, and their factors in the middle.
        absent = [size // 2 if role == FACTOR else 0 for size, role in self.symbols]
        result = np.tile(np.array(absent, "int32"), (rows * cols, 1))
        vectors = np.zeros((rows * cols, VECTOR), "float32")

        def code_chunk(kind, positions, neighbours):
            shared = self._shared(kind, vectors[neighbours])
            given = None if symbols is None else symbols[positions]
            result[positions], vectors[positions] = yield from self._code_positions(
                shared, given, result[positions]
            )

        with ThreadPoolExecutor(THREADS) as threads:
            for kind, positions, neighbours in interlaced_passes(rows, cols):
                parts = [slice(start, start + WIDTH) for start in range(0, len(positions), WIDTH)]
                chunks = [code_chunk(kind, positions[part], neighbours[part]) for part in parts]
                for start in range(0, len(chunks), CHUNKS):
                    run_in_turns(coder, chunks[start : start + CHUNKS], threads)
        return result

    def _shared(self, kind: int, around: np.ndarray) -> np.ndarray:
        """Returns the hidden sums `(SHARED, n)` from the vectors `(n, 4, VECTOR)` of neighbours."""
        bias = self._kind_bias[kind]
        if not kind:
            return np.repeat(bias, len(around), axis=1)
        return self._around[int(kind > NUM_KINDS // 2)](around.reshape(len(around), -1).T) + bias

    def _code_positions(
        self, shared: np.ndarray, given: np.ndarray | None, result: np.ndarray
    ) -> Generator[tuple[Any, ...], Any, Any]:
        """Transfers the symbols of positions one after the other.

        A generator for `run_in_turns`. Fills `result`, in which absent symbols stay as they are,
        and returns it with the vectors of the positions.
        """
        vectors = np.zeros((len(result), VECTOR), "float32")
        before, pending = np.zeros((VECTOR, len(result)), "float32"), None
        present = np.arange(len(result))
        for index, count in enumerate(self._least_counts):
            going = result[present, 0] >= count
            if not going.all():
                vectors[present] = before.T
                present, shared, before = present[going], shared[:, going], before[:, going]
            if not len(present):
                break
            mixed = self._before[index](before)
            mixed += shared
            if pending is not None:
                mixed += self._pending(pending)
            hidden = _activations(self._hidden[index](_activations(mixed)))
            values = None if given is None else given[present, index]
            values = yield from self._code_symbol(index, hidden, values)
            result[present, index] = values
            before, pending = self._added(index, before, pending, values)
        vectors[present] = before.T
        return result, vectors

    def _code_symbol(
        self, index: int, hidden: np.ndarray, symbols: np.ndarray | None
    ) -> Generator[tuple[Any, ...], Any, Any]:
        """Transfers one symbol of all positions by its digits, high ones first, and returns it."""
        size, count = self.symbols[index].size, hidden.shape[1]
        if size == 1:
            return np.zeros(count, "int32")
        high, low = digit_sizes(size)
        digits = None if symbols is None else symbols // low
        first = yield digits, _frequencies(self._high[index](hidden))
        if low == 1:
            return first
        # Positions of one high digit together, as the same weights predict their low digits.
        order = np.argsort(first.astype("uint16"), kind="stable")
        counts = np.bincount(first, minlength=high)
        frequencies = _frequencies(self._low[index](hidden.take(order, axis=1), counts))
        frequencies[len(order) - counts[-1] :, size - (high - 1) * low :] = 0
        digits = None if symbols is None else (symbols % low)[order]
        second = yield digits, frequencies
        result = low * first
        result[order] += second
        if (result >= size).any():
            raise ValueError("The stream is damaged: it holds a symbol that there isn't.")
        return result

    def _added(self, index, before, pending, symbols):
        """Adds the vectors of a symbol to the sums, or keeps those of entries with a factor."""
        size, role = self.symbols[index]
        if role in (ENTRY, COUNT):
            vector = np.ascontiguousarray(self._vectors[index][symbols].T)
            follows = self.symbols[index + 1 : index + 2]
            if follows and follows[0].role == FACTOR:
                return before, vector
        else:
            middle = np.float32((size - 1) / 2 or 1)
            values = symbols.astype("float32") / middle - 1
            direction = pending if role == FACTOR else self._vectors[index].T
            vector = np.rint(values * direction)
        return np.clip(before + vector, -LARGEST, LARGEST), None


def _activations(values):
    """Rounds values to whole numbers in 0..ACTIVATION, in place."""
    return np.clip(np.rint(values, out=values), 0, ACTIVATION, out=values)


def _frequencies(logits):
    """Returns frequencies `(n, size)`, the exponentials of logits `(size, n)` in steps.

    They are whole numbers. The largest of each row is `ONE`.
    """
    below = logits.max(axis=0) - logits
    np.minimum(below, len(FREQUENCIES) - 1, out=below)
    return FREQUENCIES.take(np.rint(below, out=below).T.astype("intp", order="C"))
