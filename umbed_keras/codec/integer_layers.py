"""Layers on whole numbers in float32, whose sums are equal on every machine.

Products and sums are whole numbers below 2^24, so that float32 holds each exactly, in whatever
order they are summed.
"""

from collections.abc import Sequence

import numpy as np

# Products that one call of BLAS computes. For so few it starts no threads, which would compete with
# those of the codec.
PRODUCTS = 1 << 18


class Layer:
    """Dense layer on columns: whole weights, a unit and a bias.

    Args:
        weights: whole numbers `(inputs, outputs)`.
        unit: float, factor of the sums.
        bias: float32 `(outputs, 1)`, or None.

    Examples:
        >>> layer = Layer(np.array([[1, 2], [3, 4]]), unit=0.5)
        >>> layer(np.array([[1.0], [1.0]], "float32")).tolist()
        [[2.0], [3.0]]
    """

    def __init__(self, weights: np.ndarray, unit: float, bias: np.ndarray | None = None):
        self.weights = np.ascontiguousarray(weights.T, "float32")
        self.unit, self.bias = np.float32(unit), bias

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        sums = exact_sums(self.weights, columns)
        sums *= self.unit
        if self.bias is not None:
            sums += self.bias
        return sums


class DividedLayer:
    """A layer whose outputs are divided into parts, of which each column needs only one.

    Args:
        layer: `Layer` with a bias.
        parts: int, number of parts of equal size.

    Examples:
        >>> layer = Layer(np.array([[1, 2, 3, 4]]), unit=1.0, bias=np.zeros((4, 1), "float32"))
        >>> divided = DividedLayer(layer, parts=2)
        >>> divided(np.ones((1, 3), "float32"), counts=np.array([2, 1])).tolist()
        [[1.0, 1.0, 3.0], [2.0, 2.0, 4.0]]
    """

    def __init__(self, layer: Layer, parts: int):
        self.weights = np.split(layer.weights, parts)
        self.biases = layer.bias.reshape(parts, -1).T
        self.unit = layer.unit

    def __call__(self, columns: np.ndarray, counts: Sequence[int]) -> np.ndarray:
        sums = np.empty((len(self.biases), columns.shape[1]), "float32")
        ends = np.cumsum(counts)
        for weights, start, end in zip(self.weights, ends - counts, ends, strict=True):
            if start < end:
                exact_sums(weights, columns[:, start:end], sums[:, start:end])
        sums *= self.unit
        sums += np.repeat(self.biases, counts, axis=1)
        return sums


def exact_sums(
    weights: np.ndarray, columns: np.ndarray, out: np.ndarray | None = None
) -> np.ndarray:
    """Computes `weights @ columns` in blocks of columns.

    Args:
        weights: float32 `(outputs, inputs)`, whole numbers.
        columns: float32 `(inputs, n)`, whole numbers.
        out: float32 `(outputs, n)` that takes the result, or None.

    Returns:
        float32 `(outputs, n)`. Exact if no sum of magnitudes reaches 2^24.

    Examples:
        >>> exact_sums(np.ones((1, 2), "float32"), np.ones((2, 3), "float32")).tolist()
        [[2.0, 2.0, 2.0]]
    """
    if out is None:
        out = np.empty((len(weights), columns.shape[1]), "float32")
    block = PRODUCTS // weights.size
    whole = columns.shape[1] // block * block
    if whole:
        np.matmul(weights, _blocks(columns[:, :whole], block), out=_blocks(out[:, :whole], block))
    np.matmul(weights, columns[:, whole:], out=out[:, whole:])
    return out


def _blocks(columns: np.ndarray, size: int) -> np.ndarray:
    """Returns a view of columns as a stack of blocks `(blocks, features, size)`."""
    return columns.reshape(len(columns), -1, size).swapaxes(0, 1)
