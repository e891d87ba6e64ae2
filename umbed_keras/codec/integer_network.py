"""The network that told codes from their neighbours, in whole numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR
from umbed_keras.codec.code_network import CEILING, VECTOR
from umbed_keras.codec.digits import split
from umbed_keras.codec.integer_layers import DividedLayer, Layer
from umbed_keras.codec.lanes import run_lanes
from umbed_keras.codec.network_tables import LARGEST, unpacked
from umbed_keras.codec.passes import NUM_KINDS, passes
from umbed_keras.codec.symbol_layout import least_counts

# Places computed at once, whose arrays stay in cache, and how many such chunks are coded side by
# side: both are part of the stream's format. Threads are not.
WIDTH, LANES, THREADS = 8192, 4, 2
# Activations are whole steps up to this.
ACTIVATION = 255
# Probabilities: steps of a logit, in nats, e^0 as a whole number, and the rest, down to 1.
STEP, ONE = 1 / 32, 1 << 16
FREQUENCIES = np.rint(ONE * np.exp(-STEP * np.arange(int(11 / STEP))))


class IntegerNetwork:
    """Probabilities of symbols, the same on every machine.

    After Balle, Johnston & Minnen 2019, "Integer networks for data compression with latent-variable
    models": all sums are of whole numbers and below 2^24, exact in float32 in whatever order a
    processor adds; the rest is done number by number, as IEEE 754 defines it. Arrays inside are
    `(features, places)`, for speed.

    Args:
        symbols: list of `Symbol`.
        arrays: what `umbed_keras.codec.network_tables.packed` gives of its tables.

    Raises:
        ValueError: arrays that don't fit the symbols.
    """

    def __init__(self, symbols, arrays):
        self.symbols = list(symbols)
        self._least_counts = least_counts(self.symbols)
        tables = unpacked(arrays, self.symbols)
        places = range(len(self.symbols))
        self._vectors = [tables[f"vectors_{place}"].astype("float32") for place in places]
        activation = ACTIVATION / CEILING
        scales = {name: float(part) for name, part in tables.items() if name.endswith("_scale")}
        unit = scales["vectors_0_scale"] * activation

        def biases(name, unit):
            return (tables[name] * np.float32(unit))[..., None]

        def layer(name, unit, bias=None):
            return Layer(tables[name], scales[f"{name}_scale"] * unit, bias)

        self._kind_bias = biases("kind_bias", activation)
        self._around = [
            Layer(weights, scales["around_scale"] * unit) for weights in tables["around"]
        ]
        self._before = [layer("before", unit, bias) for bias in biases("symbol_bias", activation)]
        self._pending = layer("pending", unit)
        self._hidden, self._high, self._low = [], [], []
        for place, (size, _) in enumerate(self.symbols):
            bias = biases(f"hidden_bias_{place}", activation)
            self._hidden.append(layer(f"hidden_{place}", 1.0, bias))
            bias = biases(f"high_bias_{place}", 1 / STEP)
            self._high.append(layer(f"high_{place}", 1 / STEP / activation, bias))
            bias = biases(f"low_bias_{place}", 1 / STEP)
            low = layer(f"low_{place}", 1 / STEP / activation, bias)
            self._low.append(DividedLayer(low, split(size)[0]))

    @property
    def least_bits(self):
        """What the symbols of a place cost at least."""
        always = zip(self.symbols, self._least_counts, strict=True)
        digits = np.array([split(size)[0] for (size, _), count in always if not count])
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
        # What isn't there is 0, and a factor in the middle.
        absent = [size // 2 if role == FACTOR else 0 for size, role in self.symbols]
        found = np.tile(np.array(absent, "int32"), (rows * cols, 1))
        vectors = np.zeros((rows * cols, VECTOR), "float32")

        def lane(kind, places, neighbours):
            shared = self._shared(kind, vectors[neighbours])
            given = None if symbols is None else symbols[places]
            found[places], vectors[places] = yield from self._place(shared, given, found[places])

        with ThreadPoolExecutor(THREADS) as threads:
            for kind, places, neighbours in passes(rows, cols):
                parts = [slice(start, start + WIDTH) for start in range(0, len(places), WIDTH)]
                lanes = [lane(kind, places[part], neighbours[part]) for part in parts]
                for start in range(0, len(lanes), LANES):
                    run_lanes(coder, lanes[start : start + LANES], threads)
        return found

    def _shared(self, kind, around):
        """What all symbols of places share, of their neighbours' vectors `(n, 4, VECTOR)`."""
        bias = self._kind_bias[kind]
        if not kind:
            return np.repeat(bias, len(around), axis=1)
        return self._around[int(kind > NUM_KINDS // 2)](around.reshape(len(around), -1).T) + bias

    def _place(self, shared, given, found):
        """Transfers the symbols of places, one after the other; gives them and their vectors.

        A generator, see `run_lanes`. Fills `found`, where what isn't there stays.
        """
        vectors = np.zeros((len(found), VECTOR), "float32")
        before, pending = np.zeros((VECTOR, len(found)), "float32"), None
        there = np.arange(len(found))
        for place, count in enumerate(self._least_counts):
            going = found[there, 0] >= count
            if not going.all():
                vectors[there] = before.T
                there, shared, before = there[going], shared[:, going], before[:, going]
            if not len(there):
                break
            mixed = self._before[place](before)
            mixed += shared
            if pending is not None:
                mixed += self._pending(pending)
            hidden = _activations(self._hidden[place](_activations(mixed)))
            values = None if given is None else given[there, place]
            values = yield from self._transfer(place, hidden, values)
            found[there, place] = values
            before, pending = self._added(place, before, pending, values)
        vectors[there] = before.T
        return found, vectors

    def _transfer(self, place, hidden, symbols):
        """Transfers a symbol of places by its digits, high ones first."""
        size, count = self.symbols[place].size, hidden.shape[1]
        if size == 1:
            return np.zeros(count, "int32")
        high, low = split(size)
        digits = None if symbols is None else symbols // low
        first = yield digits, _frequencies(self._high[place](hidden))
        if low == 1:
            return first
        # Places with one high digit together, for their low ones follow from the same weights.
        order = np.argsort(first.astype("uint16"), kind="stable")
        counts = np.bincount(first, minlength=high)
        frequencies = _frequencies(self._low[place](hidden.take(order, axis=1), counts))
        frequencies[len(order) - counts[-1] :, size - (high - 1) * low :] = 0
        digits = None if symbols is None else (symbols % low)[order]
        second = yield digits, frequencies
        found = low * first
        found[order] += second
        if (found >= size).any():
            raise ValueError("The stream is damaged: it holds a symbol that there isn't.")
        return found

    def _added(self, place, before, pending, symbols):
        """The sums of vectors with a symbol more, and the entries that wait for their factors."""
        size, role = self.symbols[place]
        if role in (ENTRY, COUNT):
            vector = np.ascontiguousarray(self._vectors[place][symbols].T)
            follows = self.symbols[place + 1 : place + 2]
            if follows and follows[0].role == FACTOR:
                return before, vector
        else:
            middle = np.float32((size - 1) / 2 or 1)
            values = symbols.astype("float32") / middle - 1
            direction = pending if role == FACTOR else self._vectors[place].T
            vector = np.rint(values * direction)
        return np.clip(before + vector, -LARGEST, LARGEST), None


def _activations(values):
    """Rounded to whole steps from 0 to `ACTIVATION`; overwrites them."""
    return np.clip(np.rint(values, out=values), 0, ACTIVATION, out=values)


def _frequencies(logits):
    """Whole numbers `(n, size)` in proportion to the exponentials of logits `(size, n)`.

    The largest is `ONE`.
    """
    below = logits.max(axis=0) - logits
    np.minimum(below, len(FREQUENCIES) - 1, out=below)
    return FREQUENCIES.take(np.rint(below, out=below).T.astype("intp", order="C"))
