"""How often each entry of a codebook or dictionary is used."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


def usage_bars(counts):
    """Draws the share of use of each entry, a method a panel, the most used first.

    Args:
        counts: dictionary, name of a method to `(num_entries,)`, how often each entry is used.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure, axes = new_figure(len(counts), 1, 9, 2.6 * len(counts) + 0.2)
    for axis, (name, uses) in zip(axes[:, 0], counts.items(), strict=True):
        order = np.argsort(-np.asarray(uses), kind="stable")
        shares = np.asarray(uses)[order] / max(np.sum(uses), 1)
        axis.set_axis_on()
        axis.bar(np.arange(len(shares)), 100 * shares, color="#2e6f95")
        axis.axhline(100 / len(shares), color="black", linewidth=0.8, linestyle="--")
        axis.set_ylabel("% of uses")
        axis.margins(x=0.01)
        axis.set_title(f"{name}: {np.count_nonzero(uses)} of {len(shares)} entries used")
        if len(shares) <= 32:
            axis.set_xticks(np.arange(len(shares)), order)
    axes[-1, 0].set_xlabel("entry, most used first; dashed: equal use")
    return figure
