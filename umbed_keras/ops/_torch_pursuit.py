"""The choice of atoms for PyTorch: that of `orthogonal_matching_pursuit`, laid out for speed.

Everything is feature-major, `(num_atoms, n)` and `(dim, n)`, so that reductions run along whole
vectors, and written in place. PyTorch finds a maximum far more quickly than where it is, so a
place is looked for among the blocks' maxima and then inside the best block.
"""

import math

import torch

# Atoms from which on two stages pay.
TWO_STAGES = 64


def differentiable(signals, dictionary):
    """Whether a gradient will be asked for."""
    return torch.is_grad_enabled() and (signals.requires_grad or dictionary.requires_grad)


@torch.no_grad()
def choose(factors, signals, atoms, sparsity, tolerance, selection):
    """Fills `factors` as `orthogonal_matching_pursuit._choose` does."""
    dim = atoms.shape[1]
    across = atoms.T.contiguous()
    residuals = signals.T.contiguous()
    squares = _dot(residuals, residuals)
    epsilon = torch.finfo(signals.dtype).eps
    floor = torch.full_like(squares, 1000 * epsilon)
    scores = signals.new_empty(len(atoms), len(signals))
    directions, inverses = [], []
    if selection == "ols":
        outside = _dot(across, across)[:, None].repeat(1, len(signals))
    if tolerance is not None:
        going = torch.full_like(squares, tolerance < 1, dtype=torch.bool)

    for step in range(min(sparsity, dim)):
        torch.mm(atoms, residuals, out=scores).abs_()
        if selection == "ols" and step < dim - 1:
            scores.mul_(outside.rsqrt().masked_fill_(outside <= floor, 0))
        chosen = _largest(scores)
        direction = across.index_select(1, chosen)
        lower = []
        for earlier, inverse in zip(directions, inverses, strict=True):
            weight = _dot(direction, earlier).mul_(inverse)
            direction.addcmul_(earlier, weight, value=-1)
            lower.append(weight[:, None])
        pivot = _dot(direction, direction)
        correlation = _dot(residuals, direction)
        useful = (pivot > floor) & (correlation.square() > (4 * epsilon) ** 2 * squares)
        if tolerance is not None:
            if step:
                going &= _dot(residuals, residuals) > tolerance**2 * squares
            useful &= going
        inverse = torch.where(useful, pivot.reciprocal(), 0)
        torch.maximum(floor, 10 * epsilon * inverse, out=floor)
        projection = correlation.mul_(inverse)
        residuals.addcmul_(direction, projection, value=-1)
        if selection == "ols":
            torch.mm(atoms, direction, out=scores)
            outside.addcmul_(scores.square_(), inverse, value=-1)
        directions.append(direction)
        inverses.append(inverse)
        factors.indices.append(chosen)
        factors.lower.append(lower)
        factors.inverse.append(inverse[:, None])
        factors.projections.append(projection[:, None])


def _dot(left, right):
    """Column by column: `(dim, n)` twice gives `(n,)`."""
    return (left * right).sum(0)


def _largest(scores):
    """The place `(n,)` int32 of each column's largest entry; overwrites `scores`."""
    count = len(scores)
    width = max(part for part in range(1, math.isqrt(count) + 1) if count % part == 0)
    if count < TWO_STAGES or width == 1:
        return _first_largest(scores)
    blocks = scores.view(count // width, width, -1)
    place = _first_largest(blocks.amax(0))
    inside = blocks.gather(1, place.long().expand(len(blocks), 1, -1))
    return _first_largest(inside[:, 0]) * width + place


def _first_largest(scores):
    """The place `(n,)` int32 of the first largest entry of each column; overwrites `scores`."""
    count = len(scores)
    ranks = torch.arange(count, 0, -1, dtype=scores.dtype, device=scores.device)
    # Comparing into floats is thrice as quick as comparing into booleans.
    marked = torch.eq(scores, scores.amax(0), out=scores).mul_(ranks[:, None])
    # Where all is NaN nothing is marked; any place will do.
    return (count - marked.amax(0)).int().clamp_(max=count - 1)
