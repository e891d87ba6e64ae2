"""The network that predicts symbols, in Keras, for training."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.bottlenecks.entropy_models.entropy_model import (
    COUNT,
    ENTRY,
    FACTOR,
    NUMBER,
    Symbol,
)
from umbed_keras.codec.interlacing import NUM_KINDS
from umbed_keras.codec.network_weights import (
    DIRECTIONS,
    NEIGHBOURS,
    OWN,
    SHARED,
    VECTOR,
    WEIGHT,
    digit_sizes,
    least_counts,
    num_low_digits,
    num_vectors,
)
from umbed_keras.typing import Shape, Tensor

# Activations are clipped here, so that 8 bits hold them.
CEILING = 4.0


class CodeNetwork(keras.Model):
    """Computes what the symbols of positions cost, given their neighbours.

    Each symbol is predicted from the symbols of four known neighbours and from the symbols before
    it in the same code. A position is represented by a sum of vectors, one for each symbol: that of
    its value for an entry or a count, a vector times its value for a number, and the vector of the
    entry before it times its value for a factor. All symbols share a hidden layer, and each has
    another one of its own. Symbols that are absent cost nothing.

    Args:
        symbols: list of `Symbol`, each with a size.
        seed: int, of the initial weights.
        **kwargs: other arguments of `keras.Model`.

    Examples:
        >>> network = CodeNetwork([Symbol(5, ENTRY)])
        >>> inputs = {
        ...     "kinds": np.array([0, 1]),
        ...     "neighbours": np.array([[[0]] * 4, [[3]] * 4]),
        ...     "own": np.array([[3], [4]]),
        ... }
        >>> tuple(network(inputs).shape)
        (2, 1)
    """

    def __init__(self, symbols: Sequence[Symbol], seed: int = 0, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.symbols, self.least_counts = list(symbols), least_counts(symbols)
        start = keras.initializers.RandomNormal(stddev=1.0, seed=keras.random.SeedGenerator(seed))

        def weight(name, *shape, scale=0.0):
            variable = self.add_weight(
                name=name, shape=shape, initializer="zeros", trainable=0 not in shape
            )
            if scale:
                variable.assign(scale * start(shape))
            return variable

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
        for index, symbol in enumerate(self.symbols):
            size, (high, _) = symbol.size, digit_sizes(symbol.size)
            rows = num_vectors(symbol)
            self.vectors.append(weight(f"vectors_{index}", rows, VECTOR, scale=0.5))
            self.hidden.append(weight(f"hidden_{index}", SHARED, OWN, scale=SHARED**-0.5))
            self.hidden_bias.append(weight(f"hidden_bias_{index}", OWN))
            self.high.append(weight(f"high_{index}", OWN, high, scale=0.1))
            self.high_bias.append(weight(f"high_bias_{index}", high))
            self.low.append(weight(f"low_{index}", OWN, num_low_digits(size), scale=0.1))
            self.low_bias.append(weight(f"low_bias_{index}", num_low_digits(size)))
        self.build({"own": (None, count)})

    def build(self, input_shape: Shape | None = None) -> None:
        """Does nothing: the weights depend on the symbols alone."""
        self.built = True

    def set_frequencies(self, index: int, counts: np.ndarray) -> None:
        """Sets the biases of a symbol to how often each of its values occurs.

        Args:
            index: int, number of the symbol.
            counts: integers `(size,)`.
        """
        high, low = digit_sizes(len(counts))
        counts = np.append(counts, np.zeros(high * low - len(counts))) + 0.5
        sums = counts.reshape(high, low).sum(axis=1)
        self.high_bias[index].assign(np.log(sums / sums.max()))
        if low > 1:
            self.low_bias[index].assign(np.log(counts / counts.max()))

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """Computes the cost of symbols.

        Args:
            inputs: dictionary of integers: `kinds` `(n,)`, the kind of pass of each position (see
                `interlacing`); `neighbours` `(n, 4, symbols)`; and `own` `(n, symbols)`.
            training: ignored.

        Returns:
            float32 tensor `(n, symbols)`, in bits.
        """
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
        for index in range(len(self.symbols)):
            mixed = shared + ops.matmul(before, self.before) + ops.matmul(pending, self.pending)
            mixed = ops.clip(mixed + self.symbol_bias[index], 0.0, CEILING)
            hidden = ops.matmul(mixed, self.hidden[index]) + self.hidden_bias[index]
            hidden = ops.clip(hidden, 0.0, CEILING)
            bits.append(self._bits(index, hidden, own[:, index]))
            before, pending = self._added(index, before, pending, own[:, index])
        present = ops.greater_equal(own[:, :1], ops.convert_to_tensor([self.least_counts], "int32"))
        return ops.stack(bits, axis=1) * ops.cast(present, "float32")

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Tensor = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Returns the mean cost of a position in bits, float32 scalar."""
        return ops.mean(ops.sum(y_pred, axis=1))

    def rounded_weights(self) -> dict[str, np.ndarray]:
        """Rounds the weights to whole multiples of scales.

        Returns:
            Name to array, as `weight_shapes` lists them. A weight is its int8 value times its
            scale `name_scale`.
        """
        result = {}

        def add(name, weights, scale=None):
            weights = np.asarray(weights, "float32")
            if scale is None:
                scale = max(np.abs(weights).max(initial=0), 1e-6) / WEIGHT
            result[name] = np.rint(weights / scale).astype("int8")
            result[f"{name}_scale"] = np.float32(scale)

        for name in ("around", "before", "pending"):
            add(name, getattr(self, name))
        for name in ("kind_bias", "symbol_bias"):
            result[name] = np.asarray(getattr(self, name), "float32")
        vectors = [np.asarray(vectors) for vectors in self.vectors]
        # Vectors are added, so they share one scale.
        scale = max(1e-6, *(np.abs(part).max(initial=0) for part in vectors)) / WEIGHT
        for index, part in enumerate(vectors):
            add(f"vectors_{index}", part, scale)
            for name in ("hidden", "high", "low"):
                add(f"{name}_{index}", getattr(self, name)[index])
                bias = np.asarray(getattr(self, f"{name}_bias")[index], "float32")
                result[f"{name}_bias_{index}"] = bias
        return result

    def _bits(self, index, hidden, symbols):
        """Returns the cost in bits of one symbol, from the last hidden layer."""
        size = self.symbols[index].size
        high, low = digit_sizes(size)
        logits = ops.matmul(hidden, self.high[index]) + self.high_bias[index]
        nats = keras.losses.sparse_categorical_crossentropy(
            symbols // low, logits, from_logits=True
        )
        if low > 1:
            logits = ops.matmul(hidden, self.low[index]) + self.low_bias[index]
            # Low digits beyond the last value have no probability.
            logits = ops.where(ops.arange(high * low) < size, logits, -1e9)
            logits = ops.reshape(logits, (-1, high, low))
            logits = ops.take_along_axis(logits, (symbols // low)[:, None, None], axis=1)[:, 0]
            nats = nats + keras.losses.sparse_categorical_crossentropy(
                symbols % low, logits, from_logits=True
            )
        return nats / float(np.log(2))

    def _added(self, index, before, pending, symbols):
        """Adds the vector of a symbol to the sum; an entry with a factor stays pending until then.

        Returns the sum, and the vector of the pending entry or zeros.
        """
        size, role = self.symbols[index]
        if role in (ENTRY, COUNT):
            vector = ops.take(ops.convert_to_tensor(self.vectors[index]), symbols, axis=0)
            follows = self.symbols[index + 1 : index + 2]
            if follows and follows[0].role == FACTOR:
                return before, vector
            return before + vector, pending
        values = ops.cast(symbols, "float32")[..., None] / ((size - 1) / 2 or 1.0) - 1
        if role == NUMBER:
            return before + values * self.vectors[index][0], pending
        return before + values * pending, ops.zeros_like(pending)

    def _vectors(self, symbols):
        """Returns the vectors `(..., VECTOR)` of positions with symbols `(..., symbols)`."""
        before = pending = ops.cast(0 * symbols[..., :1], "float32") * ops.zeros(VECTOR)
        for index in range(len(self.symbols)):
            before, pending = self._added(index, before, pending, symbols[..., index])
        return before
