"""How many bits codes cost."""

import math
from typing import NamedTuple

import numpy as np


class Bits(NamedTuple):
    """Bits spent per latent vector, by two coders.

    Attributes:
        fixed_length: every symbol in a field of constant width.
        entropy_coded: an ideal entropy coder that knows the statistics of the codes passed.
    """

    fixed_length: float
    entropy_coded: float


def entropy(symbols):
    """Empirical entropy in bits of a symbol.

    Args:
        symbols: integers or floats, `(n,)`, or `(n, k)` where a row is one symbol.

    Returns:
        float, 0 for no symbols at all.
    """
    _, counts = np.unique(np.asarray(symbols), axis=0, return_counts=True)
    if not len(counts):
        return 0.0
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log2(shares)))


def index_bits(num_entries):
    """Bits of a fixed-length index into `num_entries`."""
    return math.ceil(math.log2(num_entries))


def sparse_fixed_length(num_atoms, sparsity, coefficient_bits=None):
    """Fixed-length bits of a sparse code: ordered indices, and 32 bits a coefficient if None."""
    return sparsity * (index_bits(num_atoms) + (coefficient_bits or 32))


def sparse_bits(indices, coefficients, num_atoms, coefficient_bits=None):
    """Bits of sparse codes.

    The entropy coder takes the support as a set (the order can be rebuilt), at most
    `log2(num_atoms choose sparsity)` bits, and the coefficients in the order of their atoms.

    Args:
        indices: integers `(..., sparsity)`.
        coefficients: `(..., sparsity)`, quantised where `coefficient_bits` is given.
        num_atoms: int.
        coefficient_bits: int, or None for unquantised coefficients, which count 32 bits.

    Returns:
        `Bits`.
    """
    sparsity = indices.shape[-1]
    supports = np.sort(np.reshape(indices, (-1, sparsity)), axis=1)
    support = min(entropy(supports), math.log2(math.comb(num_atoms, sparsity)))
    coefficient = 32.0
    if coefficient_bits:
        coefficient = min(entropy(np.ravel(coefficients)), coefficient_bits)
    return Bits(
        float(sparse_fixed_length(num_atoms, sparsity, coefficient_bits)),
        support + sparsity * coefficient,
    )
