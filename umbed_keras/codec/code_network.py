"""A small network that tells codes from their neighbours, as it learns."""

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR, NUMBER
from umbed_keras.codec.digits import lows, split
from umbed_keras.codec.passes import NUM_KINDS
from umbed_keras.codec.symbol_layout import least_counts, num_vectors

# Sizes: of the vector that a place's symbols come to, of the layer that all symbols share, and of
# each symbol's own. All files of presets together are to stay small.
VECTOR, SHARED, OWN = 12, 48, 16
# Activations are cut here, so that 8 bits hold them.
CEILING = 4.0
NEIGHBOURS = 4
# Directions of neighbours differ between diagonal and direct ones.
DIRECTIONS = 2


class CodeNetwork(keras.Model):
    """Tells each symbol of a place from its four known neighbours and the symbols before it.

    A place is a sum of vectors, one a symbol: of an entry or a count its own, of a number its
    value times one, of a factor its value times the entry's before it. Hidden layers are shared by
    all symbols but for the last. What a count says isn't there costs nothing.

    Args:
        symbols: list of `Symbol`.
        seed: int, of the start.

    Call it on a dictionary of `kinds` int `(n,)`, `neighbours` int `(n, 4, symbols)` and `own` int
    `(n, symbols)` for the bits that each symbol costs, float32 `(n, symbols)`.
    """

    def __init__(self, symbols, seed=0, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.symbols, self.least_counts = list(symbols), least_counts(symbols)
        start = keras.initializers.RandomNormal(stddev=1.0, seed=keras.random.SeedGenerator(seed))

        def weight(name, *shape, scale=0.0):
            found = self.add_weight(
                name=name, shape=shape, initializer="zeros", trainable=0 not in shape
            )
            if scale:
                found.assign(scale * start(shape))
            return found

        count = len(self.symbols)
        self.around = weight(
            "around", DIRECTIONS, NEIGHBOURS * VECTOR, SHARED, scale=(NEIGHBOURS * VECTOR) ** -0.5
        )
        self.kind_bias = weight("kind_bias", NUM_KINDS, SHARED, scale=0.1)
        self.before = weight("before", VECTOR, SHARED, scale=VECTOR**-0.5)
        self.pending = weight("pending", VECTOR, SHARED, scale=VECTOR**-0.5)
        self.symbol_bias = weight("symbol_bias", count, SHARED, scale=0.1)
        self.vectors, self.hidden, self.hidden_bias = [], [], []
        self.high, self.high_bias, self.low, self.low_bias = [], [], [], []
        for place, symbol in enumerate(self.symbols):
            size, (high, _) = symbol.size, split(symbol.size)
            rows = num_vectors(symbol)
            self.vectors.append(weight(f"vectors_{place}", rows, VECTOR, scale=0.5))
            self.hidden.append(weight(f"hidden_{place}", SHARED, OWN, scale=SHARED**-0.5))
            self.hidden_bias.append(weight(f"hidden_bias_{place}", OWN))
            self.high.append(weight(f"high_{place}", OWN, high, scale=0.1))
            self.high_bias.append(weight(f"high_bias_{place}", high))
            self.low.append(weight(f"low_{place}", OWN, lows(size), scale=0.1))
            self.low_bias.append(weight(f"low_bias_{place}", lows(size)))
        self.build({"own": (None, count)})

    def build(self, input_shape):
        self.built = True

    def set_shares(self, place, counts):
        """Starts a symbol at how often each of its values occurs, counts `(size,)`."""
        high, low = split(len(counts))
        counts = np.append(counts, np.zeros(high * low - len(counts))) + 0.5
        sums = counts.reshape(high, low).sum(axis=1)
        self.high_bias[place].assign(np.log(sums / sums.max()))
        if low > 1:
            self.low_bias[place].assign(np.log(counts / counts.max()))

    def call(self, inputs, training=False):
        kinds, own = ops.cast(inputs["kinds"], "int32"), ops.cast(inputs["own"], "int32")
        known = ops.cast(kinds > 0, "float32")[:, None]
        around = self._vectors(ops.cast(inputs["neighbours"], "int32"))
        around = known * ops.reshape(around, (-1, NEIGHBOURS * VECTOR))
        diagonal = known * ops.cast(kinds <= NUM_KINDS // 2, "float32")[:, None]
        shared = ops.matmul(diagonal * around, self.around[0])
        shared = shared + ops.matmul((1 - diagonal) * around, self.around[1])
        shared = shared + ops.take(ops.convert_to_tensor(self.kind_bias), kinds, axis=0)
        before = pending = ops.zeros_like(around[:, :VECTOR])
        bits = []
        for place in range(len(self.symbols)):
            mixed = shared + ops.matmul(before, self.before) + ops.matmul(pending, self.pending)
            mixed = ops.clip(mixed + self.symbol_bias[place], 0.0, CEILING)
            hidden = ops.matmul(mixed, self.hidden[place]) + self.hidden_bias[place]
            hidden = ops.clip(hidden, 0.0, CEILING)
            bits.append(self._bits(place, hidden, own[:, place]))
            before, pending = self._added(place, before, pending, own[:, place])
        there = ops.greater_equal(own[:, :1], ops.convert_to_tensor([self.least_counts], "int32"))
        return ops.stack(bits, axis=1) * ops.cast(there, "float32")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.sum(y_pred, axis=1))

    def _bits(self, place, hidden, symbols):
        """What symbols cost by the probabilities that follow from the last hidden layer."""
        size = self.symbols[place].size
        high, low = split(size)
        logits = ops.matmul(hidden, self.high[place]) + self.high_bias[place]
        nats = keras.losses.sparse_categorical_crossentropy(
            symbols // low, logits, from_logits=True
        )
        if low > 1:
            logits = ops.matmul(hidden, self.low[place]) + self.low_bias[place]
            # Beyond the last symbol there is nothing.
            logits = ops.where(ops.arange(high * low) < size, logits, -1e9)
            logits = ops.reshape(logits, (-1, high, low))
            logits = ops.take_along_axis(logits, (symbols // low)[:, None, None], axis=1)[:, 0]
            nats = nats + keras.losses.sparse_categorical_crossentropy(
                symbols % low, logits, from_logits=True
            )
        return nats / float(np.log(2))

    def _added(self, place, before, pending, symbols):
        """The sum of vectors with one symbol more, and the entry that waits for its factor."""
        size, role = self.symbols[place]
        if role in (ENTRY, COUNT):
            vector = ops.take(ops.convert_to_tensor(self.vectors[place]), symbols, axis=0)
            follows = self.symbols[place + 1 : place + 2]
            if follows and follows[0].role == FACTOR:
                return before, vector
            return before + vector, pending
        values = ops.cast(symbols, "float32")[..., None] / ((size - 1) / 2 or 1.0) - 1
        if role == NUMBER:
            return before + values * self.vectors[place][0], pending
        return before + values * pending, ops.zeros_like(pending)

    def _vectors(self, symbols):
        """The vectors of places, `(..., symbols)` to `(..., VECTOR)`."""
        before = pending = ops.cast(0 * symbols[..., :1], "float32") * ops.zeros(VECTOR)
        for place in range(len(self.symbols)):
            before, pending = self._added(place, before, pending, symbols[..., place])
        return before
