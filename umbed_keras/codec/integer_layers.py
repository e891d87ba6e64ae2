"""Layers of whole numbers, whose sums are the same on every machine."""

import numpy as np

# Products of numbers at once: for so few BLAS starts no threads, which would hinder ours.
PRODUCTS = 1 << 18


class Layer:
    """Columns of whole numbers times whole weights, in a unit, and a bias.

    Args:
        weights: integers `(inputs, outputs)`.
        unit: float, what 1 times 1 is worth.
        bias: float32 `(outputs, 1)`, or None.
    """

    def __init__(self, weights, unit, bias=None):
        self.weights = np.ascontiguousarray(weights.T, "float32")
        self.unit, self.bias = np.float32(unit), bias

    def __call__(self, columns):
        sums = exact_sums(self.weights, columns)
        sums *= self.unit
        if self.bias is not None:
            sums += self.bias
        return sums


class DividedLayer:
    """A layer's outputs in parts, of which each column has but one.

    Args:
        layer: `Layer`.
        parts: int, how many, of equal size.
    """

    def __init__(self, layer, parts):
        self.weights = np.split(layer.weights, parts)
        self.biases = layer.bias.reshape(parts, -1).T
        self.unit = layer.unit

    def __call__(self, columns, counts):
        """Of columns `(inputs, n)`: the first `counts[0]` have the first part, and so on."""
        sums = np.empty((len(self.biases), columns.shape[1]), "float32")
        ends = np.cumsum(counts)
        for weights, start, end in zip(self.weights, ends - counts, ends, strict=True):
            if start < end:
                exact_sums(weights, columns[:, start:end], sums[:, start:end])
        sums *= self.unit
        sums += np.repeat(self.biases, counts, axis=1)
        return sums


def exact_sums(weights, columns, out=None):
    """`weights @ columns` of whole numbers, `(outputs, inputs)` and `(inputs, n)`, in float32."""
    if out is None:
        out = np.empty((len(weights), columns.shape[1]), "float32")
    block = PRODUCTS // weights.size
    whole = columns.shape[1] // block * block
    if whole:
        np.matmul(weights, _blocks(columns[:, :whole], block), out=_blocks(out[:, :whole], block))
    np.matmul(weights, columns[:, whole:], out=out[:, whole:])
    return out


def _blocks(columns, size):
    """Columns as a stack of blocks `(blocks, features, size)`, which isn't a copy."""
    return columns.reshape(len(columns), -1, size).swapaxes(0, 1)
