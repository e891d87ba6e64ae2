"""Figure of a value over two hyperparameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.plots._matplotlib import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_map(columns: Mapping[str, Sequence[Any]]) -> "Figure":
    """Draws the least value of each combination of two hyperparameters.

    Combinations without a value are hatched.

    Args:
        columns: dict, name to sequence, of three sequences of one length: the hyperparameter on
            the vertical axis, the one on the horizontal axis, and the value.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ImportError: if matplotlib is not installed.

    Examples:
        >>> columns = {"K": [8, 8, 16, 16], "S": [1, 2, 1, 2], "error": [0.4, 0.3, 0.3, 0.1]}
        >>> figure = uk.plots.heat_map(columns)
        >>> figure.axes[0].get_ylabel(), figure.axes[0].get_xlabel()
        ('K', 'S')
    """
    (vertical, rows), (horizontal, cols), (label, values) = columns.items()
    heights, widths = sorted(set(rows)), sorted(set(cols))
    grid = np.full((len(heights), len(widths)), np.nan)
    for row, col, value in zip(rows, cols, values, strict=True):
        cell = heights.index(row), widths.index(col)
        grid[cell] = np.nanmin([grid[cell], value])
    figure, axes = new_figure(1, 1, 1.1 * len(widths) + 2.5, 0.8 * len(heights) + 1.5)
    axis = axes[0, 0]
    axis.set_axis_on()
    drawn = axis.imshow(grid, origin="lower", cmap="viridis_r", aspect="auto")
    for row, col in np.argwhere(np.isfinite(grid)):
        # Small values have light colours.
        colour = "black" if drawn.norm(grid[row, col]) < 0.5 else "white"
        axis.text(col, row, f"{grid[row, col]:.3g}", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(widths)), widths)
    axis.set_yticks(range(len(heights)), heights)
    axis.set_xlabel(horizontal)
    axis.set_ylabel(vertical)
    untried = np.argwhere(np.isnan(grid))
    patches = import_extra("matplotlib.patches", "plots")
    hatching = {"facecolor": "0.94", "edgecolor": "0.6", "hatch": "///", "linewidth": 0}
    for row, col in untried:
        axis.add_patch(patches.Rectangle((col - 0.5, row - 0.5), 1, 1, **hatching))
    if len(untried):
        key = patches.Patch(**hatching, label="not tried")
        figure.legend(handles=[key], loc="outside upper right", fontsize="small", frameon=False)
    figure.colorbar(drawn, ax=axis, label=f"least {label}")
    return figure
