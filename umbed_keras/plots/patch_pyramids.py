"""Patch pyramids beside their reconstructions."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


def patch_pyramids(targets, reconstructions):
    """Draws patch pyramids beside their reconstructions, a pixel a row, finest level first.

    Args:
        targets, reconstructions: arrays `(pixels, levels, patch, patch, channels)`, 0..1.

    Returns:
        `matplotlib.figure.Figure`.
    """
    pixels, levels = np.shape(targets)[:2]
    figure, axes = new_figure(pixels, 2 * levels + 1, 2 * levels + 1, pixels)
    for row, pair in enumerate(zip(targets, reconstructions, strict=True)):
        for side, pyramid in enumerate(pair):
            for level, patch in enumerate(pyramid):
                axis = axes[row, side * (levels + 1) + level]
                axis.imshow(np.clip(np.squeeze(patch), 0, 1), vmin=0, vmax=1, cmap="gray")
                if row == 0:
                    axis.set_title(f"{'input' if side == 0 else 'rebuilt'}\nlevel {level}")
    return figure
