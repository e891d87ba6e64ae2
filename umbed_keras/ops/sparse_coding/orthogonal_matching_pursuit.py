"""Orthogonal matching pursuit of many signals at once."""

import numpy as np
from keras import backend, ops

from umbed_keras.backend.chunks import map_chunks
from umbed_keras.backend.exporting import exporting, one_operation, take
from umbed_keras.backend.known_values import is_known, known_values
from umbed_keras.ops.sparse_coding import _arguments
from umbed_keras.typing import ArrayLike, Tensor

SELECTIONS = ("omp", "ols")


@one_operation
def orthogonal_matching_pursuit(
    signals: ArrayLike,
    dictionary: ArrayLike,
    sparsity: int,
    tolerance: ArrayLike | None = None,
    selection: str = "omp",
    min_gain: ArrayLike | None = None,
) -> tuple[Tensor, Tensor]:
    """Codes each signal by at most `sparsity` atoms with least-squares coefficients.

    Orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993) with a progressive LDL^T
    factorisation, computed by Gram-Schmidt in signal space, where it is most accurate. A final
    refinement step gives `signals` and `dictionary` the gradient of least squares on the fixed
    support. The code of a signal does not depend on the other signals.

    Args:
        signals: array `(..., dim)`, floating or integer. Computed in float32, or in
            float64 if signals or dictionary are float64.
        dictionary: array `(num_atoms, dim)`. Atoms may have any length; coefficients
            refer to the atoms as given.
        sparsity: int, number of atoms per signal, from 1 to `num_atoms`.
        tolerance: scalar or None. A signal is finished when the norm of its residual is at most
            `tolerance` times the norm of the signal; its remaining coefficients are 0.
        selection: `"omp"` takes the atom with the largest correlation with the residual; `"ols"`
            takes the atom that lowers the squared error most (orthogonal least squares, Chen,
            Billings & Luo 1989), which is usually slightly better.
        min_gain: scalar or None. A signal is finished at the first atom that would lower its
            squared error by less than this; its remaining coefficients are 0.

    Returns:
        Indices, int32 of shape `(..., sparsity)`, and coefficients of the same shape in the dtype
        of `signals` (float32 for integers), in the order of choice. The indices of a signal are
        distinct. Atoms that contribute nothing have coefficient exactly 0: those after an exact
        fit, those that depend linearly on atoms chosen before, and those beyond `dim`.

    Raises:
        ValueError: if `selection` is neither `"omp"` nor `"ols"`.
        TypeError: if an array holds complex numbers.
        ValueError: if `tolerance` or `min_gain` is not a scalar, is negative or NaN.
        ValueError: if `sparsity` is not an integer from 1 to `num_atoms`.
        ValueError: if `dictionary` does not have two axes, or if the last axis of `signals` does
            not have the length of an atom.

    Examples:
        >>> dictionary = np.array([[1.0, 0.0], [0.0, 2.0], [0.6, 0.8]], "float32")
        >>> signals = np.array([[3.0, 4.0], [6.0, 8.0]], "float32")
        >>> indices, coefficients = uk.ops.orthogonal_matching_pursuit(signals, dictionary, 1)
        >>> keras.ops.convert_to_numpy(indices).tolist()
        [[2], [2]]
        >>> keras.ops.convert_to_numpy(coefficients).round(3).tolist()
        [[5.0], [10.0]]
    """
    if selection not in SELECTIONS:
        raise ValueError(
            f"`selection` must be one of {SELECTIONS}. Received: selection={selection!r}"
        )
    signals, dictionary, leading, dtype = _arguments.prepare(signals, dictionary, sparsity)
    atoms, norms = _arguments.unit_atoms(ops.stop_gradient(dictionary))
    tolerance = _limit("tolerance", tolerance, ops.dtype(signals))
    min_gain = _limit("min_gain", min_gain, ops.dtype(signals))
    indices, coefficients = map_chunks(
        _pursue,
        signals,
        (dictionary, atoms, norms, min_gain, tolerance),
        sparsity=int(sparsity),
        selection=selection,
    )
    return _arguments.unflatten(ops.transpose(indices), ops.transpose(coefficients), leading, dtype)


def _limit(name, value, dtype):
    """Returns a limit that is not negative as a scalar tensor, or None."""
    if value is None:
        return None
    known = known_values(value)
    if known is not None and not (known.shape == () and known >= 0):
        raise ValueError(f"`{name}` must be None or a number at least 0. Received: {value}")
    return ops.cast(value, dtype)


def _pursue(signals, dictionary, atoms, norms, min_gain, tolerance, sparsity, selection):
    """Codes a chunk of signals.

    Args:
        signals: tensor `(n, dim)`.
        dictionary: tensor `(num_atoms, dim)`.
        atoms: the atoms of `dictionary` scaled to unit length.
        norms: the norms of the atoms of `dictionary`, of shape `(num_atoms,)`.
        min_gain, tolerance: Scalar tensors, or None.
        sparsity, selection: As in `orthogonal_matching_pursuit`.

    Returns:
        Indices and coefficients, each of shape `(sparsity, n)`. A transpose of every chunk would
        take longer than some of the steps.
    """
    factors = _Factors()
    constants = atoms, norms, min_gain, tolerance, sparsity, selection
    on_torch = backend.backend() == "torch" and ops.is_tensor(signals)
    if on_torch:
        from umbed_keras.ops.sparse_coding import _torch_pursuit
    # What PyTorch vectorises can't be written to in place.
    in_place = on_torch and is_known(signals) and is_known(dictionary)
    if in_place and not exporting():
        _torch_pursuit.choose(factors, signals.detach(), *constants)
    else:
        _choose(factors, ops.stop_gradient(signals), *constants)
    coefficients = factors.coefficients()
    if not in_place or _torch_pursuit.differentiable(signals, dictionary):
        coefficients = _refine(signals, dictionary, factors, coefficients)
    surplus = sparsity - len(coefficients)
    coefficients += [ops.zeros_like(coefficients[0])] * surplus
    indices = factors.indices + [factors.indices[0]] * surplus
    distinct = _torch_pursuit.distinct if in_place else _distinct
    return distinct(ops.stack(indices)), ops.stack(coefficients)


class _Factors:
    """The chosen atoms and the factorisation L D L^T of their Gram matrix, as lists over steps.

    Attributes:
        indices: indices of the chosen atoms.
        lengths: norms of the chosen atoms as given.
        lower: `lower[t][j]` is L[t, j] for j < t.
        inverse: `inverse[t]` is 1 / D[t]. It is 0 for an atom that contributes nothing, which
            removes the atom from every solution.
        projections: projections of the residuals on the orthogonalised atoms.
        scale: what each signal was divided by before, so that no square overflows.
    """

    def __init__(self):
        self.scale = None
        self.indices, self.lengths = [], []
        self.lower, self.inverse, self.projections = [], [], []

    def add(self, chosen, length, lower, inverse, projection):
        """Adds a step; all tensors, also those in the list `lower`, have shape `(n,)`."""
        self.indices.append(chosen)
        self.lengths.append(length)
        self.lower.append(lower)
        self.inverse.append(inverse)
        self.projections.append(projection)

    def coefficients(self):
        """Returns the coefficients of the atoms as given, a list of tensors `(n,)`."""
        values = self.solve_upper(self.projections)
        return [
            value / length * self.scale for value, length in zip(values, self.lengths, strict=True)
        ]

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


def _choose(factors, signals, atoms, norms, min_gain, tolerance, sparsity, selection):
    """Chooses atoms one by one and makes each orthogonal to the ones before (Gram-Schmidt).

    Fills `factors` with at most `dim` atoms, as many independent atoms span the whole space. If
    nothing is left to code, an atom may be chosen again; it then contributes nothing.
    """
    dim = atoms.shape[1]
    across = ops.transpose(atoms)
    largest = ops.max(ops.abs(signals), axis=1)
    factors.scale = ops.where(largest > 0, largest, ops.ones_like(largest))
    residuals = signals / _column(factors.scale)
    squares = _dot(residuals, residuals)
    epsilon = float(np.finfo(ops.dtype(signals)).eps)
    # An orthogonalised atom is wrong by some `epsilon`, and one that depends on such an atom by
    # as much more as that atom was short. `worst` is 1 / the square of the shortest one before.
    inside, grown = _arguments.INSIDE * epsilon, (_arguments.GROWN * epsilon) ** 2
    worst = ops.ones_like(squares)
    negligible = (_arguments.NEGLIGIBLE * epsilon) ** 2 * squares
    directions = []
    if selection == "ols":
        # Squared norm of the part of each atom outside the span of the chosen atoms.
        outside = _column(ops.ones_like(squares)) * _dot(atoms, atoms)
    going = ops.ones_like(squares, dtype="bool")
    if tolerance is not None:
        going = ops.logical_and(going, tolerance < 1)

    for step in range(min(sparsity, dim)):
        scores = ops.abs(residuals @ across)
        # In the first step atoms lie wholly outside. With one dimension left every atom fits the
        # signal exactly, and the largest correlation gives the best conditioned one.
        if selection == "ols" and 0 < step < dim - 1:
            # `outside` is a difference of sums, which says nothing below its rounding. There the
            # correlation itself counts.
            least = _column(_arguments.ROUNDED * epsilon * ops.sqrt(worst))
            scores = scores / ops.sqrt(ops.where(outside > least, outside, 1.0))
        chosen = _arguments.largest(scores)
        direction = ops.take(atoms, chosen, axis=0)
        lower = []
        for earlier, inverse in zip(directions, factors.inverse, strict=True):
            weight = _dot(direction, earlier) * inverse
            direction = direction - _column(weight) * earlier
            lower.append(weight)
        pivot = _dot(direction, direction)
        correlation = _dot(residuals, direction)
        useful = pivot > ops.maximum(grown * worst, inside)
        useful = useful & (ops.square(correlation) > negligible * pivot)
        if tolerance is not None and step:
            going = going & (_dot(residuals, residuals) > tolerance**2 * squares)
        if min_gain is not None:
            going = going & (ops.abs(correlation) * factors.scale >= ops.sqrt(min_gain * pivot))
        useful = useful & going
        inverse = ops.where(useful, 1 / ops.where(useful, pivot, 1.0), 0.0)
        worst = ops.maximum(worst, inverse)
        projection = correlation * inverse
        residuals = residuals - _column(projection) * direction
        if selection == "ols":
            outside = outside - _column(inverse) * ops.square(direction @ across)
        directions.append(direction)
        factors.add(chosen, take(norms, chosen, 0), lower, inverse, projection)


def _column(values: Tensor) -> Tensor:
    """Reshapes `(n,)` to `(n, 1)`."""
    return ops.expand_dims(values, 1)


def _dot(left: Tensor, right: Tensor) -> Tensor:
    """Returns the dot products `(n,)` of the rows of two tensors `(n, dim)`."""
    return ops.sum(left * right, axis=1)


def _distinct(indices: Tensor) -> Tensor:
    """Replaces repeated indices in the columns of `(sparsity, n)` by unused ones.

    A repeated atom has coefficient 0, so any other index may stand in its place: the first repeat
    takes the smallest unused index, the second repeat the next one.
    """
    steps = indices.shape[0]
    candidates = ops.arange(steps, dtype="int32")
    earlier = (candidates[:, None] > candidates)[:, :, None]
    # `==` would compare symbolic tensors by identity.
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
    """Returns differentiable least-squares coefficients on the support, a list of `(n,)`.

    One Newton step from `coefficients` with the factorisation held constant. Its value corrects
    rounding, and its derivative is exactly that of the least-squares solution.
    """
    atoms = [ops.take(dictionary, chosen, axis=0) for chosen in factors.indices]
    residuals = signals
    for coefficient, atom in zip(coefficients, atoms, strict=True):
        residuals = residuals - _column(coefficient) * atom
    gradient = [
        _dot(atom / _column(length), residuals)
        for atom, length in zip(atoms, factors.lengths, strict=True)
    ]
    return [
        coefficient + change / length
        for coefficient, change, length in zip(
            coefficients, factors.solve(gradient), factors.lengths, strict=True
        )
    ]
