"""Trials as lines through their hyperparameters."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


def parallel_coordinates(columns):
    """Draws a line a trial through an axis a column, coloured by the last column.

    Args:
        columns: dictionary, name to a sequence of one length: of floats, drawn to scale, or of
            integers, texts or None, drawn at even steps.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, axes = new_figure(1, 1, 1.7 * len(columns) + 1, 4.5)
    axis = axes[0, 0]
    heights = {}
    for place, (name, values) in enumerate(columns.items()):
        if all(isinstance(value, float) for value in values):
            low, high = min(values), max(values)
            heights[name] = (np.asarray(values, "float64") - low) / (high - low or 1)
            ticks = {0.0: f"{low:.3g}", 1.0: f"{high:.3g}"}
        else:
            # What was chosen from: evenly spaced, None below the rest.
            order = sorted(set(values), key=lambda value: (value is not None, _sortable(value)))
            step = 1 / max(1, len(order) - 1)
            heights[name] = np.array([order.index(value) * step for value in values])
            ticks = {number * step: _text(value) for number, value in enumerate(order)}
        axis.axvline(place, color="0.7", linewidth=1)
        for height, text in ticks.items():
            axis.text(place, height, f" {text}", va="center", fontsize="small")
        axis.text(place, 1.08, name, ha="center")
    lines = np.array(list(heights.values()))
    colours = lines[-1]
    for line, colour in zip(lines.T, colours, strict=True):
        axis.plot(line, color=_colour(colour), alpha=0.7, linewidth=1.2)
    axis.set_xlim(-0.2, len(columns) - 0.4)
    axis.set_ylim(-0.08, 1.15)
    return figure


def _sortable(value):
    return (0, value) if isinstance(value, (int, float)) else (1, str(value))


def _text(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _colour(share):
    from matplotlib import colormaps

    return colormaps["viridis"](share)
