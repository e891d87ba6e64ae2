"""Quality over the bits it costs."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure

# Lower is better where a measure is among these.
DISTANCES = ("LPIPS", "MSE")


def rate_distortion(settings, rates="bits per pixel"):
    """Draws quality over rate, a measure a panel, a colour a method.

    Points are settings; a line joins those of a method that no cheaper setting of it equals.

    Args:
        settings: dictionary, name of a method to a dictionary of sequences of one length:
            `"rate"`, and each measure by its name. Higher is better but for LPIPS and MSE;
            NaN leaves a point out.
        rates: str, what the rates are.

    Returns:
        `matplotlib.figure.Figure`.
    """
    measures = [name for name in next(iter(settings.values())) if name != "rate"]
    figure, axes = new_figure(1, len(measures), 6 * len(measures), 5.4)
    for axis, measure in zip(axes[0], measures, strict=True):
        sign = -1 if measure in DISTANCES else 1
        axis.set_axis_on()
        for number, (name, columns) in enumerate(settings.items()):
            rate, value = (np.asarray(columns[key], "float64") for key in ("rate", measure))
            known = np.isfinite(rate) & np.isfinite(value)
            rate, value = rate[known], value[known]
            best = frontier(rate, sign * value)
            colour = f"C{number}"
            axis.scatter(rate, value, s=7, color=colour, alpha=0.3, linewidths=0)
            axis.plot(rate[best], value[best], color=colour, marker="o", markersize=3.5, label=name)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_xlabel(rates)
        axis.set_title(f"{measure} ({'lower' if sign < 0 else 'higher'} is better)")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize="small")
    return figure


def frontier(rates, values):
    """Indices of the settings that no cheaper one equals, by rising rate.

    Args:
        rates, values: `(n,)` floats; higher values are better.
    """
    order = np.lexsort((-values, rates))
    best = np.maximum.accumulate(values[order])
    better = np.ones(len(order), bool)
    better[1:] = best[1:] > best[:-1]
    return order[better]
