"""Figure of patch pyramids and their reconstructions."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.plots._matplotlib import new_figure, unit_floats
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def patch_pyramids(targets: ArrayLike, reconstructions: ArrayLike) -> "Figure":
    """Draws patch pyramids beside their reconstructions, a row for each pixel, finest level first.

    Args:
        targets: floats `(pixels, levels, patch, patch, channels)` in 0..1.
        reconstructions: floats of the same shape.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if images are neither uint8 nor floats.
        ValueError: if floats have another scale than 0..1, or arrays have other shapes.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> targets = np.random.default_rng(0).random((2, 3, 4, 4, 1))
        >>> figure = uk.plots.patch_pyramids(targets, 1 - targets)
        >>> len(figure.axes)
        14
    """
    targets = unit_floats("targets", targets)
    reconstructions = unit_floats("reconstructions", reconstructions, targets.shape)
    pixels, levels = targets.shape[:2]
    figure, axes = new_figure(pixels, 2 * levels + 1, 2 * levels + 1, pixels)
    for row, pair in enumerate(zip(targets, reconstructions, strict=True)):
        for side, pyramid in enumerate(pair):
            for level, patch in enumerate(pyramid):
                axis = axes[row, side * (levels + 1) + level]
                axis.imshow(np.clip(np.squeeze(patch), 0, 1), vmin=0, vmax=1, cmap="gray")
                if row == 0:
                    axis.set_title(f"{'input' if side == 0 else 'rebuilt'}\nlevel {level}")
    return figure
