"""Sparse codes as maps of quantized coefficients: their entropy, and refitting."""

import numpy as np


def map_bits(indices, coefficients, num_atoms):
    """Computes the entropy of sparse codes as `num_atoms` coefficients, most of them 0.

    The coefficient of each atom is a symbol with its own statistics, 0 where the atom is not
    chosen. So the support is a set, a coefficient quantized to 0 leaves it, and its size may differ
    between signals. These statistics are well sampled, unlike the entropy of whole supports, of
    which there may be more than signals.

    Args:
        indices: integers `(n, sparsity)`, distinct for a signal.
        coefficients: floats `(n, sparsity)`, quantized.
        num_atoms: int, number of atoms.

    Returns:
        float, bits per signal.
    """
    levels, symbols = np.unique(coefficients, return_inverse=True)
    symbols = indices * len(levels) + symbols.reshape(indices.shape)
    counts = np.bincount(symbols[coefficients != 0], minlength=num_atoms * len(levels))
    unused = len(indices) - counts.reshape(num_atoms, -1).sum(axis=1)
    counts = np.concatenate([counts, unused])
    shares = counts[counts > 0] / len(indices)
    return float(-np.sum(shares * np.log2(shares)))


def refit(signals, dictionary, indices, coefficients, rounded, worth, sweeps=2):
    """Improves quantized coefficients by coordinate descent.

    Each coefficient in turn is set to the level nearest to the residual of the others, or to 0
    where that increases the error little. The result is better than least-squares coefficients
    that are rounded one by one.

    Args:
        signals: `(n, dim)`.
        dictionary: `(num_atoms, dim)`, unit atoms.
        indices, coefficients: `(n, sparsity)`, integers and quantized floats.
        rounded: function that quantizes an array.
        worth: float, least decrease of the squared error of a signal by a coefficient.
        sweeps: int, number of sweeps over the coefficients.

    Returns:
        Floats `(n, sparsity)`, quantized.
    """
    coefficients = coefficients.copy()
    projections = np.take_along_axis(signals @ dictionary.T, indices, axis=1)
    gram = (dictionary @ dictionary.T)[indices[:, :, None], indices[:, None, :]]
    for _ in range(sweeps):
        for atom in range(indices.shape[1]):
            others = np.einsum("ns,ns->n", gram[:, atom], coefficients) - coefficients[:, atom]
            residual = projections[:, atom] - others
            level = rounded(residual)
            gain = residual**2 - (residual - level) ** 2
            coefficients[:, atom] = np.where(gain > worth, level, 0)
    return coefficients
