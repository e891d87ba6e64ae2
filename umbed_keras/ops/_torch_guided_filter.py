"""The guided filter in PyTorch, in place in a few planes.

The same sums as in `guided_filter`; new memory for each of its 200 planes would take most of the
time.
"""

from collections.abc import Callable, Sequence

import torch

from umbed_keras.ops.guided_filter import LEAST_WEIGHT, block_padding


def applicable(*tensors: torch.Tensor) -> bool:
    """Returns whether no gradients are recorded and the tensors have numbers."""
    recorded = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return not (recorded or torch.compiler.is_compiling())


@torch.no_grad()
def filtered(
    guide: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
    radius: int,
    epsilon: float,
) -> torch.Tensor:
    """Filters maps `(..., height, width, maps)`, with the arguments of `guided_filter`."""
    result = torch.empty_like(values, memory_format=torch.contiguous_format)
    if guide.ndim == 3:
        _filter_image(guide, values, weights, radius, epsilon, result)
        return result
    for image in zip(guide, values, weights, result, strict=True):
        _filter_image(*image[:3], radius, epsilon, image[3])
    return result


def _filter_image(
    guide: torch.Tensor,
    values: torch.Tensor,
    weights: torch.Tensor,
    radius: int,
    epsilon: float,
    result: torch.Tensor,
) -> None:
    height, width, channels = guide.shape
    guide = (guide - guide.mean((0, 1))).permute(2, 0, 1).contiguous()
    # Means of the first pass are transposed, and the second pass turns them back.
    first, second = _means(weights, radius), _means(weights.T, radius)
    product, result_plane = guide.new_empty(2, height, width)
    means, slopes = guide.new_empty(2, channels, width, height)
    level, term = guide.new_empty(2, width, height)
    for channel, own in zip(guide, means, strict=True):
        first(channel, own)
    rows, pivots = [], []
    for row in range(channels):
        entries = []
        for col in range(row + 1):
            entry = torch.empty_like(level)
            first(torch.mul(guide[row], guide[col], out=product), entry)
            entry.addcmul_(means[row], means[col], value=-1)
            others = rows[col] if col < row else entries
            for index in range(col):
                torch.mul(entries[index], others[index], out=term)
                entry.addcmul_(term, pivots[index], value=-1)
            entries.append(entry.div_(pivots[col]) if col < row else entry.add_(epsilon))
        pivots.append(entries.pop())
        rows.append(entries)
    for index in range(values.shape[-1]):
        plane = values[..., index]
        first(plane, level)
        for channel, own, slope in zip(guide, means, slopes, strict=True):
            first(torch.mul(channel, plane, out=product), slope)
            slope.addcmul_(own, level, value=-1)
        _solve(rows, pivots, slopes)
        for slope, own in zip(slopes, means, strict=True):
            level.addcmul_(slope, own, value=-1)
        second(level, result_plane)
        for slope, channel in zip(slopes, guide, strict=True):
            second(slope, product)
            result_plane.addcmul_(product, channel)
        result[..., index] = result_plane


def _solve(
    rows: Sequence[Sequence[torch.Tensor]], pivots: Sequence[torch.Tensor], right: torch.Tensor
) -> None:
    """Replaces `right` by the solution of L D L^T x = right."""
    for row, entries in enumerate(rows):
        for col, entry in enumerate(entries):
            right[row].addcmul_(entry, right[col], value=-1)
    for part, pivot in zip(right, pivots, strict=True):
        part.div_(pivot)
    for row in reversed(range(len(rows))):
        for col, entry in enumerate(rows[row]):
            right[col].addcmul_(entry, right[row], value=-1)


def _means(weights: torch.Tensor, radius: int) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Returns a function that writes the means of a plane's windows, transposed, to another."""
    height, width = weights.shape
    along_rows = _line_sums(height, width, radius, weights)
    along_cols = _line_sums(width, height, radius, weights)
    inverse = 1 / along_cols(along_rows(weights).T).clamp(min=LEAST_WEIGHT)
    weighted = None if bool((weights == 1).all()) else torch.empty_like(weights)

    def mean(plane: torch.Tensor, out: torch.Tensor) -> None:
        if weighted is not None:
            plane = torch.mul(plane, weights, out=weighted)
        torch.mul(along_cols(along_rows(plane).T), inverse, out=out)

    return mean


def _line_sums(
    count: int, length: int, radius: int, like: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Returns `guided_filter._line_sums` of lines `(count, length)`; results share memory."""
    before, after = block_padding(length, radius)
    padded = like.new_zeros(count, before + length + after)
    inside = padded[:, before : before + length]
    blocks = padded.view(count, -1, 2 * radius + 1)
    sums, windows = torch.empty_like(blocks), torch.empty_like(blocks[:, 1:])

    def line_sums(lines: torch.Tensor) -> torch.Tensor:
        inside.copy_(lines)
        torch.cumsum(blocks, -1, out=sums)
        torch.sub(sums[:, 1:], sums[:, :-1], out=windows)
        windows.add_(sums[:, :-1, -1:])
        return windows.view(count, -1)[:, :length]

    return line_sums
