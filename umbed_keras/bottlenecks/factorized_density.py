"""Learned densities of independent channels, and the code lengths of their integers."""

import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state
from umbed_keras.typing import ArrayLike, Shape, Tensor

# Widths of the layers between x and its cumulative probability (Balle et al. 2018, section 6.1).
WIDTHS = (1, 3, 3, 3, 1)
# Smaller probabilities are raised to this: below, float32 resolves no derivative.
LEAST = 1e-9
# Standard deviation of a logistic distribution of scale 1.
LOGISTIC_DEVIATION = math.pi / math.sqrt(3)


@keras.saving.register_keras_serializable(package="umbed_keras")
class FactorizedDensity(keras.layers.Layer):
    """Learned densities of channels that are independent of each other.

    The cumulative distribution of a channel is a small monotone network, and the probability of an
    integer is the mass within half a step of it (Balle, Minnen, Singh, Hwang & Johnston 2018,
    "Variational image compression with a scale hyperprior", appendix 6.1). It starts near a
    logistic distribution with the channel's standard deviation, which `adapt` sets.

    Args:
        channels: int, number of channels.
        seed: int, of the initial weights.
        **kwargs: other arguments of `keras.layers.Layer`.

    Examples:
        >>> density = uk.layers.FactorizedDensity(channels=2)
        >>> density.adapt(np.random.default_rng(0).normal(size=(100, 2)))
        >>> bits = density(np.array([[0.0, 5.0]], "float32"))
        >>> bool(bits[0, 0] < bits[0, 1])
        True
    """

    def __init__(self, channels: int, seed: int | None = 0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.channels = int(channels)
        self.seed = seed

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the networks of all channels."""
        self.deviation = add_state(self, "deviation", (self.channels,), "ones")
        # All layers have the same slope; together they have that of the logistic.
        growth = LOGISTIC_DEVIATION ** (1 / (len(WIDTHS) - 1))
        self.matrices, self.biases, self.gates = [], [], []
        for layer, (width, following) in enumerate(itertools.pairwise(WIDTHS)):
            start = math.log(math.expm1(growth / width))
            uniform = keras.initializers.RandomUniform(
                -0.5, 0.5, seed=None if self.seed is None else self.seed + layer
            )
            if following == 1:
                uniform = "zeros"  # the offsets of the other layers nearly cancel
            self.matrices.append(
                self._add(f"matrix_{layer}", following, width, keras.initializers.Constant(start))
            )
            self.biases.append(self._add(f"bias_{layer}", following, 1, uniform))
            if following > 1:
                self.gates.append(self._add(f"gate_{layer}", following, 1, "zeros"))

    def call(self, values: ArrayLike) -> Tensor:
        """Computes the code length of values.

        Args:
            values: floats `(..., channels)`, integers or integers with noise.

        Returns:
            float32 tensor like `values`, in bits.
        """
        return self.bits_of(values, self.parameters())

    def parameters(self, integers: Tensor | None = None) -> dict[str, list[Tensor]]:
        """Returns the weights of the networks in the form in which they are used.

        Args:
            integers: ignored; a `ScalarContext` needs them.

        Returns:
            Dictionary of lists with a float32 tensor for each layer: positive `matrices`,
            `biases`, and `gates` in -1..1.
        """
        tensor = ops.convert_to_tensor
        return {
            "matrices": [ops.softplus(tensor(matrix)) for matrix in self.matrices],
            "biases": [tensor(bias) for bias in self.biases],
            "gates": [ops.tanh(tensor(gate)) for gate in self.gates],
        }

    def bits_of(self, values: ArrayLike, parameters: dict[str, list[Tensor]]) -> Tensor:
        """Computes the code length of values under given parameters.

        Args:
            values: floats `(..., channels)`.
            parameters: what `parameters` returned.

        Returns:
            float32 tensor like `values`, in bits.
        """
        values = ops.cast(values, "float32")
        lower = self._logits(values - 0.5, **parameters)
        upper = self._logits(values + 0.5, **parameters)
        # On the side of the sigmoid where its values are small, so that differences are exact.
        side = ops.stop_gradient(ops.where(lower + upper > 0, -1.0, 1.0))
        mass = ops.abs(ops.sigmoid(side * upper) - ops.sigmoid(side * lower))
        return -ops.log(ops.maximum(mass, LEAST)) / math.log(2)

    def tables(self, reach: int = 4096, least: float = 2.0**-16) -> list[tuple[int, np.ndarray]]:
        """Tabulates the probability of each integer in each channel, for an entropy coder.

        Args:
            reach: int, largest magnitude that a table contains.
            least: float, largest probability that may lie outside a table on either side.

        Returns:
            List with a pair for each channel: the first integer of the table, and the
            probabilities from there on, float64 `(n,)`. All other integers together have the
            probability that is missing from 1.
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

    def adapt(self, values: ArrayLike) -> None:
        """Sets the widths of the densities from a sample.

        Args:
            values: floats `(n, channels)`.
        """
        if not self.built:
            self.build()
            self.built = True
        # The density of rounded values is at least about half a step wide.
        self.deviation.assign(np.maximum(np.std(values, axis=0, dtype="float64"), 0.3))

    def scale_widths(self, factor: float) -> None:
        """Multiplies the widths of all densities.

        Args:
            factor: float > 0.
        """
        self.deviation.assign(self.deviation * factor)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the code lengths, that of the values."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
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
        """Logits of the cumulative distributions at values `(..., channels)`."""
        values = ops.convert_to_tensor(values) / ops.convert_to_tensor(self.deviation)
        # (channels, width, n), because each channel has its own matrices.
        flat = ops.transpose(ops.reshape(values, (-1, self.channels)))[:, None]
        for layer, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
            flat = ops.matmul(matrix, flat) + bias
            if layer < len(gates):
                flat = flat + gates[layer] * ops.tanh(flat)
        return ops.reshape(ops.transpose(flat[:, 0]), ops.shape(values))
