"""Sparse codes as quantised coefficient maps: what an entropy coder makes of them, and a refit."""

import numpy as np


def map_bits(indices, coefficients, num_atoms):
    """Entropy-coded bits of a signal, its code taken as `num_atoms` coefficients, most of them 0.

    Each atom's coefficient is a symbol with statistics of its own, 0 where the atom isn't chosen:
    the support is a set, a coefficient quantised to 0 leaves it, and how many are left may differ
    from signal to signal. Unlike the entropy of whole supports, of which there are more than
    signals to count them on, these statistics are well sampled.

    Args:
        indices: integers `(n, sparsity)`, distinct for a signal.
        coefficients: floats `(n, sparsity)`, quantised.
        num_atoms: int.

    Returns:
        float.
    """
    levels, symbols = np.unique(coefficients, return_inverse=True)
    symbols = indices * len(levels) + symbols.reshape(indices.shape)
    counts = np.bincount(symbols[coefficients != 0], minlength=num_atoms * len(levels))
    unused = len(indices) - counts.reshape(num_atoms, -1).sum(axis=1)
    counts = np.concatenate([counts, unused])
    shares = counts[counts > 0] / len(indices)
    return float(-np.sum(shares * np.log2(shares)))


def refit(signals, dictionary, indices, coefficients, rounded, worth, sweeps=2):
    """Quantised coefficients that fit better than least-squares ones rounded one by one.

    Coordinate descent: each coefficient in turn takes the level nearest to what the others leave
    over, or 0 where that costs little.

    Args:
        signals: `(n, dim)`.
        dictionary: `(num_atoms, dim)`, unit atoms.
        indices, coefficients: `(n, sparsity)`, integers and quantised floats.
        rounded: function that quantises an array.
        worth: float, what a coefficient other than 0 must take off the squared error of a signal.
        sweeps: int, over the coefficients.

    Returns:
        Floats like `coefficients`.
    """
    coefficients = coefficients.copy()
    projections = np.take_along_axis(signals @ dictionary.T, indices, axis=1)
    gram = (dictionary @ dictionary.T)[indices[:, :, None], indices[:, None, :]]
    for _ in range(sweeps):
        for place in range(indices.shape[1]):
            others = np.einsum("ns,ns->n", gram[:, place], coefficients) - coefficients[:, place]
            wanted = projections[:, place] - others
            level = rounded(wanted)
            gain = wanted**2 - (wanted - level) ** 2
            coefficients[:, place] = np.where(gain > worth, level, 0)
    return coefficients
