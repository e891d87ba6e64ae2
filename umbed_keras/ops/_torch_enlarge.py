"""Sums of bilinearly upsampled maps in PyTorch, which are added before the last step.

Bilinear interpolation is linear between positions. The positions of maps whose strides are
multiples of 4 all lie on one grid of every other pixel, between pixels `2j + 1` and `2j + 2`. On
this grid, which has a quarter of the pixels, the maps are interpolated and added, and only their
sum is brought to full resolution.
"""

from collections.abc import Sequence

import torch


def applicable(maps: Sequence[torch.Tensor], strides: Sequence[int]) -> bool:
    """Returns whether no gradients are recorded, nothing is traced, and the grid exists."""
    recorded = torch.is_grad_enabled() and any(part.requires_grad for part in maps)
    return not (recorded or torch.compiler.is_compiling() or any(stride % 4 for stride in strides))


@torch.no_grad()
def sum_in_torch(maps: Sequence[torch.Tensor], strides: Sequence[int]) -> torch.Tensor:
    """Computes `bilinear.sum_enlarged`, with its arguments."""
    total = None
    for features, stride in zip(maps, strides, strict=True):
        # Rows last, as whole rows are combined several times as fast as pixels.
        on_grid = _on_grid(_on_grid(features, 2, stride), 1, stride)
        total = on_grid.contiguous() if total is None else total.add_(on_grid)
    return _doubled(_doubled(total, 2), 1)


def _on_grid(features: torch.Tensor, axis: int, stride: int) -> torch.Tensor:
    """Interpolates along an axis at the grid, from the position before the first pixel."""
    count, factor, offset = features.shape[axis], stride // 2, stride // 4 - 1
    # Beyond the outermost positions their values continue.
    edges = features.narrow(axis, 0, 1), features.narrow(axis, count - 1, 1)
    padded = torch.cat([edges[0], features, edges[1]], axis)
    before, after = (padded.narrow(axis, start, count + 1).unsqueeze(axis + 1) for start in (0, 1))
    steps = torch.arange(factor, dtype=features.dtype, device=features.device) / factor
    steps = steps.view(-1, *[1] * (features.ndim - axis - 1))
    between = torch.lerp(before, after, steps).flatten(axis, axis + 1)
    return between.narrow(axis, factor - offset - 1, count * factor + 1)


def _doubled(grid: torch.Tensor, axis: int) -> torch.Tensor:
    """Interpolates along an axis at the two pixels between neighbouring positions of the grid."""
    count = grid.shape[axis] - 1
    before, after = grid.narrow(axis, 0, count), grid.narrow(axis, 1, count)
    pixels = grid.new_empty(*before.shape[: axis + 1], 2, *before.shape[axis + 1 :])
    for index, weight in enumerate((0.25, 0.75)):
        torch.lerp(before, after, weight, out=pixels.select(axis + 1, index))
    return pixels.flatten(axis, axis + 1)
