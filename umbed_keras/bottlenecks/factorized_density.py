"""What integers cost under a density that is learned for each channel."""

import itertools
import math

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state

# Widths of the layers between x and its cumulative probability (Balle et al. 2018, section 6.1).
WIDTHS = (1, 3, 3, 3, 1)
# Below this probability a code length has no derivative that float32 could tell.
LEAST = 1e-9
# Standard deviation of a logistic distribution of scale 1.
LOGISTIC_DEVIATION = math.pi / math.sqrt(3)


@keras.saving.register_keras_serializable(package="umbed_keras")
class FactorizedDensity(keras.layers.Layer):
    """Channels independent of each other, each with a learned density of any shape.

    The cumulative distribution of a channel is a small monotone network, and an integer's
    probability the density's mass within half a step (Balle, Minnen, Singh, Hwang & Johnston
    2018, "Variational image compression with a scale hyperprior", appendix 6.1). It starts near
    a logistic distribution of the channel's standard deviation, which `adapt` sets.

    Args:
        channels: int.
        seed: int, of the start.
    """

    def __init__(self, channels, seed=0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.channels = int(channels)
        self.seed = seed

    def build(self, input_shape=None):
        self.deviation = add_state(self, "deviation", (self.channels,), "ones")
        # Each layer enlarges alike; together they give the logistic's slope.
        growth = LOGISTIC_DEVIATION ** (1 / (len(WIDTHS) - 1))
        self.matrices, self.biases, self.gates = [], [], []
        for place, (width, following) in enumerate(itertools.pairwise(WIDTHS)):
            start = math.log(math.expm1(growth / width))
            uniform = keras.initializers.RandomUniform(
                -0.5, 0.5, seed=None if self.seed is None else self.seed + place
            )
            if following == 1:
                uniform = "zeros"  # what is left of the others' offsets is small
            self.matrices.append(
                self._add(f"matrix_{place}", following, width, keras.initializers.Constant(start))
            )
            self.biases.append(self._add(f"bias_{place}", following, 1, uniform))
            if following > 1:
                self.gates.append(self._add(f"gate_{place}", following, 1, "zeros"))

    def call(self, values):
        """The code length of values `(..., channels)` as integers, or integers with noise, bits.

        Returns:
            float32 like `values`.
        """
        return self.bits_of(values, self.parameters())

    def parameters(self, integers=None):
        """The networks' matrices, biases and gates, as they are used; no integer alters them."""
        tensor = ops.convert_to_tensor
        return {
            "matrices": [ops.softplus(tensor(matrix)) for matrix in self.matrices],
            "biases": [tensor(bias) for bias in self.biases],
            "gates": [ops.tanh(tensor(gate)) for gate in self.gates],
        }

    def bits_of(self, values, parameters):
        """`call` by `parameters`."""
        values = ops.cast(values, "float32")
        lower = self._logits(values - 0.5, **parameters)
        upper = self._logits(values + 0.5, **parameters)
        # On the side of the sigmoid where its values are small, and differences exact.
        side = ops.stop_gradient(ops.where(lower + upper > 0, -1.0, 1.0))
        mass = ops.abs(ops.sigmoid(side * upper) - ops.sigmoid(side * lower))
        return -ops.log(ops.maximum(mass, LEAST)) / math.log(2)

    def tables(self, reach=4096, least=2.0**-16):
        """The probability of each integer, channel by channel, for an entropy coder.

        Args:
            reach: int, the largest magnitude looked at.
            least: float, probability that may lie outside a table on either side.

        Returns:
            List of `(first, probabilities)`: the integer that a table begins with, and float64
            `(n,)`. What they lack to 1 is the probability of all integers outside.
        """
        edges = np.arange(-reach, reach + 2) - 0.5
        edges = np.repeat(edges[:, None], self.channels, axis=1).astype("float32")
        logits = ops.convert_to_numpy(self._logits(edges, **self.parameters())).astype("float64")
        cumulative = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
        tables = []
        for column in np.maximum.accumulate(cumulative).T:
            first = np.searchsorted(column, least, side="right") - 1
            last = np.searchsorted(column, 1 - least, side="left")
            first = int(np.clip(first, 0, 2 * reach))
            last = int(np.clip(last, first + 1, 2 * reach + 1))
            tables.append((first - reach, np.diff(column[first : last + 1])))
        return tables

    def adapt(self, values):
        """Starts the densities at the widths of a sample `(n, channels)`."""
        if not self.built:
            self.build()
            self.built = True
        # Of rounded values the density spreads over half a step at least.
        self.deviation.assign(np.maximum(np.std(values, axis=0, dtype="float64"), 0.3))

    def scale_widths(self, factor):
        """Widens all densities."""
        self.deviation.assign(self.deviation * factor)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "seed": self.seed}

    def _add(self, name, rows, cols, initializer):
        return self.add_weight(
            name=name,
            shape=(self.channels, rows, cols),
            initializer=initializer,
            dtype="float32",
            autocast=False,
        )

    def _logits(self, values, matrices, biases, gates):
        """The logit of the cumulative distribution at values `(..., channels)`."""
        values = ops.convert_to_tensor(values) / ops.convert_to_tensor(self.deviation)
        # (channels, width, n): each channel has matrices of its own.
        flat = ops.transpose(ops.reshape(values, (-1, self.channels)))[:, None]
        for place, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
            flat = ops.matmul(matrix, flat) + bias
            if place < len(gates):
                flat = flat + gates[place] * ops.tanh(flat)
        return ops.reshape(ops.transpose(flat[:, 0]), ops.shape(values))
