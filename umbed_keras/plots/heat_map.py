"""A value over two hyperparameters."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


def heat_map(columns):
    """Draws the least value of each pair of two hyperparameters.

    Args:
        columns: dictionary of three sequences of one length, by name: the hyperparameter drawn
            upwards, the one to the right, and the value.

    Returns:
        `matplotlib.figure.Figure`.
    """
    (up, rows), (right, cols), (value, values) = columns.items()
    heights, widths = sorted(set(rows)), sorted(set(cols))
    grid = np.full((len(heights), len(widths)), np.nan)
    for row, col, found in zip(rows, cols, values, strict=True):
        place = heights.index(row), widths.index(col)
        grid[place] = np.nanmin([grid[place], found])
    figure, axes = new_figure(1, 1, 1.1 * len(widths) + 2.5, 0.8 * len(heights) + 1.5)
    axis = axes[0, 0]
    axis.set_axis_on()
    drawn = axis.imshow(grid, origin="lower", cmap="viridis_r", aspect="auto")
    for row, col in np.argwhere(np.isfinite(grid)):
        # The colours of small values are light.
        colour = "black" if drawn.norm(grid[row, col]) < 0.5 else "white"
        axis.text(col, row, f"{grid[row, col]:.3g}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(widths)), widths)
    axis.set_yticks(range(len(heights)), heights)
    axis.set_xlabel(right)
    axis.set_ylabel(up)
    figure.colorbar(drawn, ax=axis, label=f"least {value}")
    return figure
