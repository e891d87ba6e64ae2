"""Figure of quality over rate."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.ops.pareto import pareto_front
from umbed_keras.plots._matplotlib import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

# Measures for which lower is better.
DISTANCES = ("LPIPS", "MSE")


def rate_distortion(
    settings: Mapping[str, Mapping[str, Sequence[float]]], rates: str = "bits per pixel"
) -> "Figure":
    """Draws quality over rate: a panel for each measure, a colour for each method.

    Each point is a setting of a method. A line joins the settings on the method's Pareto front.

    Args:
        settings: dict, name of a method to a dict of sequences of one length: `"rate"`, and each
            measure by its name, the same for all methods. Rates are above 0. Higher is better,
            except for LPIPS and MSE. Points with NaN are left out.
        rates: str, label of the rates.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if methods have other measures, or a rate is 0 or negative.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> points = {"rate": [8.0, 16.0, 24.0], "PSNR": [27.5, 30.1, 31.9]}
        >>> figure = uk.plots.rate_distortion({"VQ": points})
        >>> figure.axes[0].get_title()
        'PSNR (higher is better)'
    """
    names = {name: set(columns) for name, columns in settings.items()}
    if not names or any(
        "rate" not in own or own != names[next(iter(names))] for own in names.values()
    ):
        raise ValueError(
            "`settings` must be one or more methods, each with 'rate' and the same measures. "
            f"Received: { {name: sorted(own) for name, own in names.items()} }"
        )
    for name, columns in settings.items():
        if np.any(np.asarray(columns["rate"], "float64") <= 0):
            raise ValueError(f"Rates must be above 0. Received: {columns['rate']} of {name!r}")
    measures = [name for name in next(iter(settings.values())) if name != "rate"]
    figure, axes = new_figure(1, len(measures), 6 * len(measures), 5.4)
    for axis, measure in zip(axes[0], measures, strict=True):
        sign = -1 if measure in DISTANCES else 1
        axis.set_axis_on()
        for number, (name, columns) in enumerate(settings.items()):
            rate, value = (np.asarray(columns[key], "float64") for key in ("rate", measure))
            known = np.isfinite(rate) & np.isfinite(value)
            rate, value = rate[known], value[known]
            front = pareto_front(rate, sign * value)
            colour = f"C{number}"
            axis.scatter(rate, value, s=7, color=colour, alpha=0.3, linewidths=0)
            axis.plot(
                rate[front], value[front], color=colour, marker="o", markersize=3.5, label=name
            )
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(_rate_ticks(axis))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel(rates)
        axis.set_title(f"{measure} ({'lower' if sign < 0 else 'higher'} is better)")
        axis.grid(alpha=0.3)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 2 + 2 * len(measures)),
        fontsize="small",
        frameon=False,
    )
    return figure


def _rate_ticks(axis: "Axes") -> "Locator":
    """Returns ticks for the range of an axis: even ones, or powers of 2 and quarters between."""
    low, high = axis.get_xlim()
    ticker = import_extra("matplotlib.ticker", "plots")
    if high < 3 * low:
        return ticker.MaxNLocator(6)
    between = (1.0, 1.25, 1.5, 1.75) if high < 10 * low else (1.0,)
    return ticker.LogLocator(base=2, subs=between, numticks=15)
