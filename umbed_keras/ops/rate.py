"""The rate of codes: bits per latent vector, fixed-length and entropy-coded."""

import math
from typing import NamedTuple

import numpy as np

from umbed_keras.typing import ArrayLike


class Bits(NamedTuple):
    """Bits spent per latent vector, by two coders.

    Attributes:
        fixed_length: bits with every symbol in a field of constant width.
        entropy_coded: bits of an ideal entropy coder that knows the statistics of the codes.

    Examples:
        >>> bits = Bits(fixed_length=48.0, entropy_coded=42.5)
        >>> bits.entropy_coded
        42.5
    """

    fixed_length: float
    entropy_coded: float


def entropy(symbols: ArrayLike) -> float:
    """Computes the empirical entropy of symbols.

    Args:
        symbols: numeric array `(n,)`, or of shape `(n, k)` where each row is one symbol.

    Returns:
        Entropy in bits per symbol; 0 for an empty array.

    Examples:
        >>> entropy([0, 0, 1, 1])
        1.0
        >>> round(entropy([[0, 1], [0, 1], [2, 3]]), 3)
        0.918
    """
    _, counts = np.unique(np.asarray(symbols), axis=0, return_counts=True)
    if not len(counts):
        return 0.0
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log2(shares)))


def index_bits(num_entries: int) -> int:
    """Returns the bits of a fixed-length index.

    Args:
        num_entries: int, number of values of the index, at least 1.

    Returns:
        Number of bits.

    Examples:
        >>> index_bits(512), index_bits(17)
        (9, 5)
    """
    return math.ceil(math.log2(num_entries))


def sparse_fixed_length(num_atoms: int, sparsity: int, coefficient_bits: int | None = None) -> int:
    """Returns the fixed-length bits of a sparse code: ordered indices and coefficients.

    Args:
        num_atoms: int, number of atoms of the dictionary.
        sparsity: int, number of atoms in a code.
        coefficient_bits: int, bits per coefficient, or None for 32.

    Returns:
        Number of bits.

    Examples:
        >>> sparse_fixed_length(num_atoms=16, sparsity=4, coefficient_bits=8)
        48
    """
    return sparsity * (index_bits(num_atoms) + (coefficient_bits or 32))


def sparse_bits(
    indices: np.ndarray,
    coefficients: np.ndarray,
    num_atoms: int,
    coefficient_bits: int | None = None,
) -> Bits:
    """Computes the bits of sparse codes.

    The entropy coder sends the support as a set, because the order of atoms can be recomputed: at
    most `log2(num_atoms choose sparsity)` bits. The coefficients follow in the order of their
    atoms.

    Args:
        indices: integer array `(..., sparsity)`, from 0 to `num_atoms - 1`.
        coefficients: floating array `(..., sparsity)`, quantised if `coefficient_bits`
            is given.
        num_atoms: int, number of atoms of the dictionary.
        coefficient_bits: int, bits per coefficient. None for unquantised coefficients, which count
            32 bits.

    Returns:
        `Bits` per code.

    Examples:
        >>> indices = np.array([[0, 1], [1, 0], [2, 3], [0, 1]])
        >>> sparse_bits(indices, np.full((4, 2), 0.5), num_atoms=16, coefficient_bits=8)
        Bits(fixed_length=24.0, entropy_coded=0.811...)
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


def sparse_map_bits(indices: np.ndarray, coefficients: np.ndarray, num_atoms: int) -> float:
    """Computes the entropy of sparse codes as `num_atoms` coefficients, most of them 0.

    The coefficient of each atom is a symbol with its own statistics, 0 where the atom is not
    chosen. So the support is a set, a coefficient quantised to 0 leaves it, and its size may differ
    between codes. These statistics are well sampled, unlike the entropy of whole supports, of
    which there may be more than codes.

    Args:
        indices: integer array `(n, sparsity)`, distinct within a code.
        coefficients: floating array `(n, sparsity)`, quantised.
        num_atoms: int, number of atoms of the dictionary.

    Returns:
        Bits per code.

    Examples:
        >>> sparse_map_bits(np.array([[0], [1]]), np.array([[0.5], [0.5]]), num_atoms=4)
        2.0
    """
    levels, symbols = np.unique(coefficients, return_inverse=True)
    symbols = indices * len(levels) + symbols.reshape(indices.shape)
    counts = np.bincount(symbols[coefficients != 0], minlength=num_atoms * len(levels))
    unused = len(indices) - counts.reshape(num_atoms, -1).sum(axis=1)
    counts = np.concatenate([counts, unused])
    shares = counts[counts > 0] / len(indices)
    return float(-np.sum(shares * np.log2(shares)))
