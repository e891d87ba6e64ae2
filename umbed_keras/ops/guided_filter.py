"""The guided filter: smoothing that keeps the edges of another image."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.exporting import exporting, sum_windows
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import ArrayLike, Tensor

# Total weight of a window below which it counts as empty.
LEAST_WEIGHT = 1e-6
# Number of maps from which on their computation is not unrolled.
MANY = 3


def guided_filter(
    guide: ArrayLike,
    values: ArrayLike,
    radius: int,
    epsilon: float,
    weights: ArrayLike | None = None,
) -> Tensor:
    """Smooths maps with a filter that keeps the edges of a guide.

    In every square window the values are fitted by a linear function of the guide's channels, with
    a penalty `epsilon` on its slopes; a pixel's result is the mean of what the functions of all
    windows around it give (He, Sun & Tang 2010, 2013). Where the guide is even, values are averaged
    twice over the window; where it has an edge that the values share, the edge stays. Windows end
    at the borders of the image. Time does not depend on the radius.

    The result at a pixel depends on pixels at most `2 * radius` rows or columns away: tiles with
    that much around them give what the whole image gives.

    Args:
        guide: floating array `(batch, height, width, channels)`, or without the batch. One channel
            takes a division at each pixel, several take a system of linear equations.
        values: floating array `(batch, height, width, maps)`, or without the batch.
        radius: int, windows are squares with sides of `2 * radius + 1` pixels.
        epsilon: float above 0, in the square of the guide's unit. Variances below it count as
            even: 3e-4 is a standard deviation of 0.017.
        weights: array `(batch, height, width)`, or without the batch, of the weights of pixels in
            all means: booleans or floats of at least 0. None weighs all alike.

    Returns:
        float32 tensor of the shape of `values`; 0 where all windows around have weights of 0.

    Raises:
        TypeError: if `guide` does not hold floats.
        ValueError: if the shapes of `guide` and `values` differ beyond their last axis, or have
            neither three nor four axes.
        ValueError: if `weights` has another shape than their first axes.
        ValueError: if `radius` is no integer of at least 1, or `epsilon` is not above 0.

    Examples:
        >>> guide = np.zeros((8, 12, 1), "float32")
        >>> guide[:, 6:] = 1
        >>> noisy = guide + np.random.default_rng(0).normal(0, 0.1, guide.shape)
        >>> smooth = uk.ops.guided_filter(guide, noisy, radius=4, epsilon=1e-3)
        >>> smooth = keras.ops.convert_to_numpy(smooth)[..., 0]
        >>> bool(np.ptp(smooth[:, :6]) < 0.1), bool(smooth[4, 6] - smooth[4, 5] > 0.9)
        (True, True)
    """
    guide = ops.convert_to_tensor(guide)
    if "float" not in ops.dtype(guide):
        raise TypeError(
            "`guide` must be floats, such as `image / 255`, as `epsilon` is in the square of its "
            f"unit. Received: dtype={ops.dtype(guide)}"
        )
    guide, values = (ops.cast(array, "float32") for array in (guide, values))
    if len(guide.shape) not in (3, 4) or tuple(guide.shape[:-1]) != tuple(values.shape[:-1]):
        raise ValueError(
            "`guide` and `values` must have shapes (batch, height, width, channels) and (batch, "
            f"height, width, maps), or both without a batch. Received: {tuple(guide.shape)} and "
            f"{tuple(values.shape)}"
        )
    check_integers(radius=(1, radius))
    if not float(epsilon) > 0:
        raise ValueError(f"`epsilon` must be above 0. Received: {epsilon}")
    if weights is None:
        weights = ops.ones_like(guide[..., 0])
    elif tuple(np.shape(weights)) != tuple(guide.shape[:-1]):
        raise ValueError(
            f"`weights` must have shape {tuple(guide.shape[:-1])}. Received: {np.shape(weights)}"
        )
    weights = ops.cast(weights, "float32")
    if keras.backend.backend() == "torch" and not exporting():
        from umbed_keras.ops._torch_guided_filter import applicable, filtered

        if applicable(guide, values, weights):
            return filtered(guide, values, weights, int(radius), float(epsilon))

    def window_sums(planes):
        if exporting():
            return sum_windows(planes, int(radius), int(radius))
        return [_window_sums(plane, int(radius)) for plane in planes]

    return filter_by_sums(guide, values, weights, window_sums, float(epsilon))


def filter_by_sums(
    guide: Tensor,
    values: Tensor,
    weights: Tensor,
    window_sums: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    epsilon: float,
) -> Tensor:
    """Computes `guided_filter` with a given function that sums windows.

    Args:
        guide: float32 tensor `(..., height, width, channels)`.
        values: float32 tensor `(..., height, width, maps)`.
        weights: float32 tensor `(..., height, width)`.
        window_sums: function of tensors `(..., height, width)` that returns the sums of their
            windows, of the same shapes; 0 is taken to lie beyond the borders.
        epsilon: float above 0.

    Returns:
        float32 tensor of the shape of `values`.

    Examples:
        >>> guide, values = keras.ops.ones((4, 6, 1)), keras.ops.ones((4, 6, 2))
        >>> sums = lambda planes: planes  # windows of one pixel
        >>> tuple(filter_by_sums(guide, values, values[..., 0], sums, 1e-3).shape)
        (4, 6, 2)
    """
    planes = [_planes(array) for array in (guide, values)]
    return ops.stack(_filtered(*planes, weights, window_sums, epsilon), axis=-1)


def _planes(array: Tensor) -> list[Tensor]:
    return [array[..., index] for index in range(array.shape[-1])]


def _filtered(
    guide: Sequence[Tensor],
    values: Sequence[Tensor],
    weights: Tensor,
    window_sums: Callable[[Sequence[Tensor]], Sequence[Tensor]],
    epsilon: float,
) -> list[Tensor]:
    """Filters planes `(..., height, width)`."""
    totals = ops.maximum(window_sums([weights])[0], LEAST_WEIGHT)

    def means_of(planes):
        return [plane / totals for plane in window_sums([weights * plane for plane in planes])]

    # The filter is invariant to the guide's origin; near 0 products lose fewer digits.
    guide = [plane - ops.mean(plane, axis=(-2, -1), keepdims=True) for plane in guide]
    means = means_of(guide)
    factors = _factorised(guide, means, means_of, epsilon)

    def smoothed(plane):
        level, *products = means_of([plane, *(channel * plane for channel in guide)])
        covariances = [product - own * level for product, own in zip(products, means, strict=True)]
        slopes = _solved(*factors, covariances)
        for slope, own in zip(slopes, means, strict=True):
            level = level - slope * own
        result, *slopes = means_of([level, *slopes])
        for slope, channel in zip(slopes, guide, strict=True):
            result = result + slope * channel
        return result

    if len(values) <= MANY:
        return [smoothed(plane) for plane in values]
    # A graph with steps for each would take minutes to compile. One map after the other takes
    # less memory than all at once, but a loop is not exported.
    maps = ops.stack(values)
    maps = smoothed(maps) if exporting() else ops.map(smoothed, maps)
    return [maps[index] for index in range(len(values))]


def _factorised(
    guide: Sequence[Tensor], means: Sequence[Tensor], means_of: Any, epsilon: float
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """Factorises the covariance of the guide's channels at every pixel as L D L^T.

    Returns:
        The rows of L below its diagonal of ones, and the diagonal of D.
    """
    pairs = [(row, col) for row in range(len(guide)) for col in range(row + 1)]
    products = means_of([guide[row] * guide[col] for row, col in pairs])
    by_pair = dict(zip(pairs, products, strict=True))
    rows, pivots = [], []
    for row in range(len(guide)):
        entries = []
        for col in range(row + 1):
            entry = by_pair[row, col] - means[row] * means[col]
            others = rows[col] if col < row else entries
            for index in range(col):
                entry = entry - entries[index] * others[index] * pivots[index]
            entries.append(entry / pivots[col] if col < row else entry + epsilon)
        pivots.append(entries.pop())
        rows.append(entries)
    return rows, pivots


def _solved(
    rows: Sequence[Sequence[Tensor]], pivots: Sequence[Tensor], right: Sequence[Tensor]
) -> list[Tensor]:
    """Solves L D L^T x = right at every pixel."""
    solution = list(right)
    for row, entries in enumerate(rows):
        for col, entry in enumerate(entries):
            solution[row] = solution[row] - entry * solution[col]
    solution = [part / pivot for part, pivot in zip(solution, pivots, strict=True)]
    for row in reversed(range(len(rows))):
        for col, entry in enumerate(rows[row]):
            solution[col] = solution[col] - entry * solution[row]
    return solution


def _window_sums(plane: Tensor, radius: int) -> Tensor:
    """Sums square windows of a plane `(..., height, width)`, 0 beyond its borders."""
    for _ in range(2):
        plane = ops.swapaxes(_line_sums(plane, radius), -1, -2)
    return plane


def _line_sums(lines: Tensor, radius: int) -> Tensor:
    """Sums `2 * radius + 1` neighbours along the last axis, 0 beyond the ends.

    Running sums begin anew in every block of this length, and a window is the end of one block and
    the start of the next: no difference of large numbers loses digits, however long the lines are.
    """
    length, (before, after) = lines.shape[-1], block_padding(lines.shape[-1], radius)
    outer = lines.shape[:-1]
    lines = ops.pad(lines, [(0, 0)] * len(outer) + [(before, after)])
    sums = ops.cumsum(ops.reshape(lines, (*outer, -1, 2 * radius + 1)), axis=-1)
    windows = sums[..., :-1, -1:] - sums[..., :-1, :] + sums[..., 1:, :]
    return ops.reshape(windows, (*outer, -1))[..., :length]


def block_padding(length: int, radius: int) -> tuple[int, int]:
    """Returns how many zeros to put before and after a line to sum its windows in blocks.

    Args:
        length: int, of the line.
        radius: int, of the windows.

    Examples:
        >>> block_padding(length=10, radius=1)  # five blocks of three
        (2, 3)
    """
    width = 2 * radius + 1
    return radius + 1, (-(-length // width) + 1) * width - length - radius - 1
