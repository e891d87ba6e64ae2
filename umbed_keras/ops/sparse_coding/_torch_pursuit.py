"""The parts of `orthogonal_matching_pursuit` that are written in PyTorch, for speed.

Arrays are feature-major, `(dim, n)`, so that arithmetic runs along contiguous vectors, and are
updated in place. Scores have shape `(parts, num_atoms, n / parts)`, with one part per thread: on a
CPU, max pooling is the only operation of PyTorch that finds a maximum and its index at the speed
of memory, and it runs one thread per image.
"""

import functools
from typing import Any

import torch

from umbed_keras.backend.exporting import exporting
from umbed_keras.ops.sparse_coding._arguments import GROWN, INSIDE, NEGLIGIBLE, ROUNDED

# Integers of the size of a float, and the bits in them that hold its exponent.
_EXPONENTS = {
    torch.float32: (torch.int32, 0x7F800000),
    torch.float64: (torch.int64, 0x7FF0000000000000),
}


def differentiable(signals: torch.Tensor, dictionary: torch.Tensor) -> bool:
    """Returns whether gradients of signals or dictionary are recorded."""
    return torch.is_grad_enabled() and (signals.requires_grad or dictionary.requires_grad)


@torch.no_grad()
def choose(
    factors: Any,
    signals: torch.Tensor,
    atoms: torch.Tensor,
    norms: torch.Tensor,
    min_gain: torch.Tensor | None,
    tolerance: torch.Tensor | None,
    sparsity: int,
    selection: str,
) -> None:
    """Fills `factors` like `orthogonal_matching_pursuit._choose`, with the same arguments."""
    (num_atoms, dim), count = atoms.shape, len(signals)
    threads = torch.get_num_threads()
    parts = threads if count % threads == 0 else 1
    scores = signals.new_empty(parts, num_atoms, count // parts)

    def correlate(vectors):
        """Writes the products of all atoms and vectors `(dim, n)` to `scores`."""
        in_parts = vectors.view(dim, parts, -1).transpose(0, 1)
        return torch.bmm(atoms.expand(parts, -1, -1), in_parts, out=scores)

    steps = min(sparsity, dim)
    columns = torch.cat([atoms.T, norms[None]])
    residuals = signals.T.contiguous()
    factors.scale = _power_of_two(residuals)
    residuals /= factors.scale
    squares = _dot(residuals, residuals)
    epsilon = torch.finfo(signals.dtype).eps
    negligible = squares * (NEGLIGIBLE * epsilon) ** 2
    inside, grown = INSIDE * epsilon, (GROWN * epsilon) ** 2
    worst = torch.ones_like(squares)
    directions, inverses = [], []
    if selection == "ols":
        outside = atoms.square().sum(1)[:, None].expand_as(scores).contiguous()
    going = torch.ones_like(squares, dtype=torch.bool)
    if tolerance is not None:
        going &= tolerance < 1

    for step in range(steps):
        correlate(residuals).abs_()
        if selection == "ols" and step < dim - 1:
            least = (ROUNDED * epsilon * worst.sqrt()).view(parts, 1, -1)
            scores.mul_(outside.rsqrt().masked_fill_(outside <= least, 1))
        chosen = _largest(scores)
        column = columns.index_select(1, chosen)
        direction, length = column[:-1], column[-1]
        lower = []
        for earlier, inverse in zip(directions, inverses, strict=True):
            weight = _dot(direction, earlier).mul_(inverse)
            direction.addcmul_(earlier, weight, value=-1)
            lower.append(weight)
        pivot = _dot(direction, direction)
        correlation = _dot(residuals, direction)
        useful = pivot > (worst * grown).clamp_(min=inside)
        useful &= correlation.square() > negligible * pivot
        if tolerance is not None and step:
            going &= _dot(residuals, residuals) > tolerance**2 * squares
        if min_gain is not None:
            going &= correlation.abs() * factors.scale >= (min_gain * pivot).sqrt()
        useful &= going
        inverse = torch.where(useful, pivot.reciprocal(), 0)
        projection = correlation.mul_(inverse)
        factors.add(chosen.int(), length, lower, inverse, projection)
        if step + 1 < steps:
            torch.maximum(worst, inverse, out=worst)
            residuals.addcmul_(direction, projection, value=-1)
            if selection == "ols":
                weights = inverse.view(parts, 1, -1)
                outside.addcmul_(correlate(direction).square_(), weights, value=-1)
            directions.append(direction)
            inverses.append(inverse)


@torch.no_grad()
def distinct(indices: torch.Tensor) -> torch.Tensor:
    """Computes `orthogonal_matching_pursuit._distinct`, quickly if few indices are repeated."""
    rows = list(indices)
    # Candidates are below 255, so bytes suffice: they are compared several times faster.
    labels = list(indices.clamp(max=255).byte()) if len(rows) < 255 else list(rows)
    for step in range(1, len(rows)):
        again = _any(rows[step] == earlier for earlier in rows[:step])
        if not exporting() and not again.any():
            continue
        others = labels[:step] + labels[step + 1 :]
        free = torch.full_like(labels[step], len(others))
        for candidate in reversed(range(len(others))):
            free.masked_fill_(~_any(other == candidate for other in others), candidate)
        labels[step] = torch.where(again, free, labels[step])
        rows[step] = torch.where(again, free.int(), rows[step])
    return torch.stack(rows)


def _any(conditions):
    return functools.reduce(torch.logical_or, conditions)


def _power_of_two(columns):
    """Returns a power of two `(n,)` next to the largest entry of each column, above 0."""
    integer, exponent = _EXPONENTS[columns.dtype]
    power = (columns.abs().amax(0).view(integer) & exponent).view(columns.dtype)
    return power.clamp_(min=torch.finfo(columns.dtype).tiny)


def _dot(left, right):
    """Returns the dot products `(n,)` of the columns of two tensors `(dim, n)`."""
    if len(left) > 4:
        return (left * right).sum(0)
    # Row by row, without a tensor of products.
    total = left[0] * right[0]
    for row in range(1, len(left)):
        total.addcmul_(left[row], right[row])
    return total


def _largest(scores):
    """Returns the first atom with the largest score, int64 `(n,)`."""
    if not scores.shape[2] or scores.device.type != "cpu":
        return scores.argmax(1).flatten()
    images = scores.unsqueeze(2).permute(0, 3, 1, 2)  # channels last in memory
    _, indices = torch.nn.functional.max_pool2d(images, (scores.shape[1], 1), return_indices=True)
    return indices.flatten()
