"""Orthogonal matching pursuit, batched."""

import numpy as np
from keras import backend, ops

from umbed_keras.backend.exporting import exporting, take
from umbed_keras.ops.sparse_coding import _arguments
from umbed_keras.ops.sparse_coding._chunked import map_chunks

SELECTIONS = ("omp", "ols")


def orthogonal_matching_pursuit(
    signals, dictionary, sparsity, tolerance=None, selection="omp", min_gain=None
):
    """Codes each signal by at most `sparsity` atoms with least-squares coefficients.

    Orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993) with a progressive LDL^T
    factorisation, by Gram-Schmidt in signal space, where it is most exact. One refinement step
    carries the gradient, that of least squares on the fixed support, to `signals` and
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
        min_gain: scalar or None. A signal stops at the first atom that would lower its squared
            error by less than this; its remaining coefficients are 0.

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
    atoms, norms = _arguments.unit_atoms(ops.stop_gradient(dictionary))
    if min_gain is not None:
        min_gain = ops.cast(min_gain, ops.dtype(signals))
    indices, coefficients = map_chunks(
        _pursue,
        signals,
        (dictionary, atoms, norms, min_gain),
        sparsity=int(sparsity),
        tolerance=tolerance,
        selection=selection,
    )
    return _arguments.unflatten(ops.transpose(indices), ops.transpose(coefficients), leading, dtype)


def _pursue(signals, dictionary, atoms, norms, min_gain, sparsity, tolerance, selection):
    """Codes a chunk of signals `(n, dim)`; `atoms` is the dictionary with its `norms` taken out.

    Returns indices and coefficients `(sparsity, n)`: to interleave them here would take longer
    than to find some of them.
    """
    factors = _Factors()
    constants = atoms, norms, min_gain, sparsity, tolerance, selection
    on_torch = backend.backend() == "torch" and ops.is_tensor(signals)
    if on_torch:
        from umbed_keras.ops.sparse_coding import _torch_pursuit
    if on_torch and not exporting():
        _torch_pursuit.choose(factors, signals.detach(), *constants)
    else:
        _choose(factors, ops.stop_gradient(signals), *constants)
    coefficients = factors.coefficients()
    if not on_torch or _torch_pursuit.differentiable(signals, dictionary):
        coefficients = _refine(signals, dictionary, factors, coefficients)
    surplus = sparsity - len(coefficients)
    coefficients += [ops.zeros_like(coefficients[0])] * surplus
    indices = factors.indices + [factors.indices[0]] * surplus
    distinct = _torch_pursuit.distinct if on_torch else _distinct
    return distinct(ops.stack(indices)), ops.stack(coefficients)


class _Factors:
    """The chosen atoms and the factorisation L D L^T of their Gram matrix, all lists over steps.

    `lower[t][j]` is L[t, j] for j < t; `inverse[t]` is 1 / D[t], and 0 for an atom that adds
    nothing, which takes it out of every solve below. `lengths` are those of the atoms as given.
    """

    def __init__(self):
        self.indices, self.lengths = [], []
        self.lower, self.inverse, self.projections = [], [], []

    def add(self, chosen, length, lower, inverse, projection):
        """Adds a step; everything is `(n,)`."""
        self.indices.append(chosen)
        self.lengths.append(length)
        self.lower.append(lower)
        self.inverse.append(inverse)
        self.projections.append(projection)

    def coefficients(self):
        """Those of the atoms as given, a list of `(n,)`."""
        values = self.solve_upper(self.projections)
        return [value / length for value, length in zip(values, self.lengths, strict=True)]

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


def _choose(factors, signals, atoms, norms, min_gain, sparsity, tolerance, selection):
    """Chooses atoms one by one, each made orthogonal to those before it (Gram-Schmidt).

    Fills `factors`, for no more than `dim` atoms: as many independent ones span everything. Where
    nothing is left to code, an atom may be chosen again; it is then of no use.
    """
    dim = atoms.shape[1]
    across = ops.transpose(atoms)
    squares = _dot(signals, signals)
    epsilon = float(np.finfo(ops.dtype(signals)).eps)
    # An atom whose squared distance from the span of those chosen is no larger counts as inside:
    # rounding could not tell. A pivot's rounding grows as pivots before it shrink.
    floor = 1000 * epsilon * ops.ones_like(squares)
    negligible = 4 * epsilon * ops.sqrt(squares)
    residuals = signals
    directions = []
    if selection == "ols":
        # Squared length of each atom's part outside the span of those chosen.
        outside = _column(ops.ones_like(squares)) * _dot(atoms, atoms)
    going = ops.full_like(squares, tolerance is None or tolerance < 1, dtype="bool")

    for step in range(min(sparsity, dim)):
        scores = ops.abs(residuals @ across)
        # At first all of an atom is outside. With one dimension left every atom meets the signal:
        # take the best conditioned.
        if selection == "ols" and 0 < step < dim - 1:
            free = ops.cast(outside > _column(floor), ops.dtype(scores))
            scores = free * scores / ops.sqrt(ops.maximum(outside, _column(floor)))
        chosen = _arguments.largest(scores)
        direction = ops.take(atoms, chosen, axis=0)
        lower = []
        for earlier, inverse in zip(directions, factors.inverse, strict=True):
            weight = _dot(direction, earlier) * inverse
            direction = direction - _column(weight) * earlier
            lower.append(weight)
        pivot = _dot(direction, direction)
        correlation = _dot(residuals, direction)
        useful = (pivot > floor) & (ops.abs(correlation) > negligible)
        if tolerance is not None and step:
            going = going & (_dot(residuals, residuals) > tolerance**2 * squares)
        if min_gain is not None:
            going = going & (ops.square(correlation) >= min_gain * pivot)
        useful = useful & going
        inverse = ops.where(useful, 1 / ops.where(useful, pivot, 1.0), 0.0)
        floor = ops.maximum(floor, 10 * epsilon * inverse)
        projection = correlation * inverse
        residuals = residuals - _column(projection) * direction
        if selection == "ols":
            outside = outside - _column(inverse) * ops.square(direction @ across)
        directions.append(direction)
        factors.add(chosen, take(norms, chosen, 0), lower, inverse, projection)


def _column(values):
    """`(n,)` as `(n, 1)`."""
    return ops.expand_dims(values, 1)


def _dot(left, right):
    """Row by row: `(n, dim)` twice gives `(n,)`."""
    return ops.sum(left * right, axis=1)


def _distinct(indices):
    """Indices `(sparsity, n)` with any that comes again in a column replaced by a free one.

    What comes again is of no use (its coefficient is 0), so any other will do: the first repeat
    takes the smallest index that is free, the second the next.
    """
    steps = indices.shape[0]
    candidates = ops.arange(steps, dtype="int32")
    earlier = (candidates[:, None] > candidates)[:, :, None]
    # Not `==`, which compares symbolic tensors by identity.
    equal = ops.equal(ops.expand_dims(indices, 1), ops.expand_dims(indices, 0))
    again = ops.any(ops.logical_and(equal, earlier), axis=1)
    taken = ops.equal(candidates[:, None, None], ops.expand_dims(indices, 0))
    free = ops.logical_not(ops.any(taken, axis=1))
    order, rank = (ops.cumsum(ops.cast(mask, "int32"), axis=0) for mask in (again, free))
    fits = ops.logical_and(
        ops.expand_dims(free, 0), ops.equal(ops.expand_dims(rank, 0), ops.expand_dims(order, 1))
    )
    first = ops.sum(ops.where(fits, candidates[:, None], 0), axis=1)
    return ops.where(again, ops.cast(first, "int32"), indices)


def _refine(signals, dictionary, factors, coefficients):
    """Least-squares coefficients on the chosen support, a differentiable list of `(n,)`.

    One Newton step from the coefficients found, with the factorisation held constant: its value
    corrects rounding, and its derivative is exactly that of the least-squares solution.
    """
    atoms = [ops.take(dictionary, chosen, axis=0) for chosen in factors.indices]
    residuals = signals
    for coefficient, atom in zip(coefficients, atoms, strict=True):
        residuals = residuals - _column(coefficient) * atom
    gradient = [
        _dot(atom, residuals) / length for atom, length in zip(atoms, factors.lengths, strict=True)
    ]
    return [
        coefficient + change / length
        for coefficient, change, length in zip(
            coefficients, factors.solve(gradient), factors.lengths, strict=True
        )
    ]
