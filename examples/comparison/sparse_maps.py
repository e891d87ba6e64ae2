"""Refitting of sparse codes whose coefficients are quantized."""

import numpy as np


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
