"""Figure of trials as lines through their hyperparameters."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from umbed_keras.plots._matplotlib import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parallel_coordinates(columns: Mapping[str, Sequence[Any]]) -> "Figure":
    """Draws each trial as a line through one axis per column, coloured by the last column.

    Args:
        columns: dict, name to sequence, all of one length. Floats are drawn to scale; integers,
            strings and None at even steps. Trials with NaN or infinite numbers are left out.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if the columns have other lengths, or no trial is left.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> columns = {"sparsity": [1, 2, 4], "rate": [1e-3, 1e-2, 1e-3], "error": [0.4, 0.3, 0.2]}
        >>> figure = uk.plots.parallel_coordinates(columns)
        >>> [text.get_text().strip() for text in figure.axes[0].texts[:4]]
        ['1', '2', '4', 'sparsity']
    """
    columns = _without_gaps(columns)
    figure, axes = new_figure(1, 1, 1.7 * len(columns) + 1, 4.5)
    axis = axes[0, 0]
    heights = {}
    for position, (name, values) in enumerate(columns.items()):
        if all(isinstance(value, float) for value in values):
            low, high = min(values), max(values)
            heights[name] = (np.asarray(values, "float64") - low) / (high - low or 1)
            ticks = {0.0: f"{low:.3g}", 1.0: f"{high:.3g}"}
        else:
            # Choices are evenly spaced, None below the others.
            order = sorted(set(values), key=lambda value: (value is not None, _sortable(value)))
            step = 1 / max(1, len(order) - 1)
            heights[name] = np.array([order.index(value) * step for value in values])
            ticks = {number * step: _text(value) for number, value in enumerate(order)}
        axis.axvline(position, color="0.7", linewidth=1)
        for height, text in ticks.items():
            axis.text(position, height, f" {text}", va="center", fontsize="small")
        axis.text(position, 1.08, name, ha="center")
    lines = np.array(list(heights.values()))
    colours = lines[-1]
    for line, colour in zip(lines.T, colours, strict=True):
        axis.plot(line, color=_colour(colour), alpha=0.7, linewidth=1.2)
    axis.set_xlim(-0.2, len(columns) - 0.4)
    axis.set_ylim(-0.08, 1.15)
    return figure


def _without_gaps(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Returns the columns of the trials whose numbers are all finite."""
    if len({len(values) for values in columns.values()}) != 1:
        raise ValueError(
            "`columns` must have one length. Received: "
            f"{ {name: len(values) for name, values in columns.items()} }"
        )
    trials = [
        trial
        for trial in zip(*columns.values(), strict=True)
        if all(math.isfinite(value) for value in trial if isinstance(value, float))
    ]
    if not trials:
        raise ValueError("`columns` must have a trial of finite numbers. Received none.")
    return {name: list(part) for name, part in zip(columns, zip(*trials, strict=True), strict=True)}


def _sortable(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _colour(share: float) -> tuple[float, float, float, float]:
    from matplotlib import colormaps

    return colormaps["viridis"](share)
