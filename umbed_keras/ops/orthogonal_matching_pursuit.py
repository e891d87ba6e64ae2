"""Orthogonal matching pursuit, batched, in correlation space."""

import numpy as np
from keras import ops

from umbed_keras.ops import _arguments
from umbed_keras.ops._chunked import map_chunks

SELECTIONS = ("omp", "ols")


def orthogonal_matching_pursuit(signals, dictionary, sparsity, tolerance=None, selection="omp"):
    """Codes each signal by at most `sparsity` atoms with least-squares coefficients.

    Batch-OMP (Rubinstein, Zibulevsky & Elad 2008) with a progressive LDL^T factorisation: atoms
    are orthogonalised in the space of their correlations with all atoms, so no residual is formed
    while atoms are chosen. One refinement step in signal space then polishes the coefficients; it
    is also what carries the gradient, that of least squares on the fixed support, to `signals` and
    `dictionary`. Every signal is coded on its own: its code doesn't depend on its batch.

    Args:
        signals: `(..., dim)`, any floating or integer type. Computed in float32 (float64 if
            signals or dictionary are).
        dictionary: `(num_atoms, dim)`. Atoms may have any length; coefficients refer to the atoms
            as given.
        sparsity: int, atoms a signal, from 1 to `num_atoms`.
        tolerance: float or None. A signal stops when its residual norm is at most `tolerance`
            times its own norm; its remaining coefficients are 0.
        selection: `"omp"` takes the atom with the largest correlation with the residual, `"ols"`
            the one that lowers the squared error most (orthogonal least squares, Chen, Billings &
            Luo 1989), usually a little better.

    Returns:
        `(indices, coefficients)`: int32 and the signals' dtype, both `(..., sparsity)`, in the
        order of choice. The indices of one signal are distinct. Atoms that add nothing (a signal
        already met exactly, atoms dependent on those chosen, more atoms than `dim`) have
        coefficient exactly 0.

    Raises:
        ValueError: `sparsity` out of range, shapes that do not match, a negative `tolerance` or
            an unknown `selection`.
    """
    if selection not in SELECTIONS:
        raise ValueError(
            f"`selection` must be one of {SELECTIONS}. Received: selection={selection!r}"
        )
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"`tolerance` must be None or at least 0. Received: tolerance={tolerance}")
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    indices, coefficients = map_chunks(
        _pursue,
        signals,
        dictionary,
        sparsity=int(sparsity),
        tolerance=tolerance,
        selection=selection,
    )
    return _arguments.unflatten(indices, coefficients, leading, dtype)


def _pursue(signals, dictionary, sparsity, tolerance, selection):
    """Codes a chunk of signals `(n, dim)`."""
    factors = _choose(
        ops.stop_gradient(signals), ops.stop_gradient(dictionary), sparsity, tolerance, selection
    )
    return ops.stack(factors.indices, axis=1), _refine(signals, dictionary, factors)


class _Factors:
    """The chosen atoms and the factorisation L D L^T of their Gram matrix, all lists over steps.

    `lower[t][j]` is L[t, j] for j < t; `inverse[t]` is 1 / D[t], and 0 for an atom that adds
    nothing, which takes it out of every solve below.
    """

    def __init__(self, norms):
        self.norms = norms
        self.indices, self.lower, self.inverse, self.projections = [], [], [], []

    def solve_upper(self, values):
        """Solves L^T x = values by back-substitution."""
        solution = list(values)
        for row in reversed(range(len(values))):
            for later in range(row + 1, len(values)):
                solution[row] = solution[row] - self.lower[later][row] * solution[later]
        return solution

    def solve(self, values):
        """Solves L D L^T x = values."""
        forward = list(values)
        for row in range(len(values)):
            for earlier in range(row):
                forward[row] = forward[row] - self.lower[row][earlier] * forward[earlier]
        return self.solve_upper(
            [value * inverse for value, inverse in zip(forward, self.inverse, strict=True)]
        )


def _choose(signals, dictionary, sparsity, tolerance, selection):
    atoms, norms = _arguments.unit_atoms(dictionary)
    dim = atoms.shape[1]
    lengths = ops.sqrt(ops.sum(ops.square(signals), axis=1))
    epsilon = float(np.finfo(ops.dtype(signals)).eps)
    # An atom whose squared distance from the span of those chosen is no larger counts as inside:
    # rounding could not tell. A pivot's rounding grows as pivots before it shrink.
    floor = 1000 * epsilon * ops.ones_like(lengths)
    gram = atoms @ ops.transpose(atoms)
    correlations = signals @ ops.transpose(atoms)
    used = ops.zeros_like(correlations, dtype="bool")
    factors = _Factors(norms)
    columns = []  # correlations of the orthogonalised atoms with all atoms
    if selection == "ols":
        # Squared length of each atom's part outside the span of those chosen.
        outside = ops.ones_like(correlations) * ops.diagonal(gram)
    if tolerance is not None:
        residuals, directions = signals, []

    for step in range(sparsity):
        magnitudes = ops.abs(correlations)
        scores = magnitudes
        # With one dimension left every atom meets the signal: take the best conditioned.
        if selection == "ols" and step < dim - 1:
            free = outside > floor[:, None]
            scores = ops.where(free, magnitudes / ops.sqrt(ops.where(free, outside, 1.0)), 0.0)
        chosen = _arguments.best_available(scores, used)
        used = _arguments.mark(used, chosen)
        factors.indices.append(chosen)
        if step >= dim:  # dim independent atoms span everything
            continue
        column = ops.take(gram, chosen, axis=0)
        lower = []
        for earlier, inverse in zip(columns, factors.inverse, strict=True):
            weight = _arguments.pick(earlier, chosen) * inverse
            column = column - weight[:, None] * earlier
            lower.append(weight)
        pivot = _arguments.pick(column, chosen)
        correlation = _arguments.pick(correlations, chosen)
        useful = ops.logical_and(pivot > floor, ops.abs(correlation) > 4 * epsilon * lengths)
        if tolerance is not None:
            remaining = ops.sqrt(ops.sum(ops.square(residuals), axis=1)) if step else lengths
            useful = ops.logical_and(useful, remaining > tolerance * lengths)
        inverse = ops.where(useful, 1 / ops.where(useful, pivot, 1.0), 0.0)
        floor = ops.where(inverse * 10 * epsilon > floor, inverse * 10 * epsilon, floor)
        projection = correlation * inverse
        correlations = correlations - projection[:, None] * column
        if selection == "ols":
            outside = outside - inverse[:, None] * ops.square(column)
        if tolerance is not None:
            direction = ops.take(atoms, chosen, axis=0)
            for weight, earlier in zip(lower, directions, strict=True):
                direction = direction - weight[:, None] * earlier
            directions.append(direction)
            residuals = residuals - projection[:, None] * direction
        columns.append(column)
        factors.lower.append(lower)
        factors.inverse.append(inverse)
        factors.projections.append(projection)
    return factors


def _refine(signals, dictionary, factors):
    """Least-squares coefficients `(n, sparsity)` on the chosen support, differentiable.

    One Newton step from the coefficients found, with the factorisation held constant: its value
    corrects rounding, and its derivative is exactly that of the least-squares solution.
    """
    steps = len(factors.projections)
    indices = factors.indices[:steps]
    norms = [ops.take(factors.norms, chosen) for chosen in indices]
    coefficients = [
        value / norm
        for value, norm in zip(factors.solve_upper(factors.projections), norms, strict=True)
    ]
    atoms = [ops.take(dictionary, chosen, axis=0) for chosen in indices]
    residuals = signals
    for coefficient, atom in zip(coefficients, atoms, strict=True):
        residuals = residuals - coefficient[:, None] * atom
    gradient = [
        ops.sum(atom * residuals, axis=1) / norm for atom, norm in zip(atoms, norms, strict=True)
    ]
    refined = [
        coefficient + change / norm
        for coefficient, change, norm in zip(
            coefficients, factors.solve(gradient), norms, strict=True
        )
    ]
    surplus = [ops.zeros_like(refined[0])] * (len(factors.indices) - steps)
    return ops.stack(refined + surplus, axis=1)
