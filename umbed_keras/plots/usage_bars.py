"""Figure of how often each entry of a codebook or dictionary is used."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.plots._matplotlib import new_figure
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def usage_bars(counts: Mapping[str, ArrayLike]) -> "Figure":
    """Draws the share of uses of each entry, most used first, a panel for each method.

    Args:
        counts: dict, name of a method to numbers `(num_entries,)`, the uses of each entry.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if counts are negative, NaN or infinite, or have another shape.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> figure = uk.plots.usage_bars({"VQ": [3, 1, 0, 2]})
        >>> figure.axes[0].get_title()
        'VQ: 3 of 4 entries used'
    """
    for name, uses in counts.items():
        if not (np.ndim(uses) == 1 and np.isfinite(uses).all() and np.min(uses, initial=0) >= 0):
            raise ValueError(
                f"`counts[{name!r}]` must be numbers at least 0 of shape (entries,). "
                f"Received: {uses}"
            )
    figure, axes = new_figure(len(counts), 1, 9, 2.6 * len(counts) + 0.2)
    for axis, (name, uses) in zip(axes[:, 0], counts.items(), strict=True):
        order = np.argsort(-np.asarray(uses), kind="stable")
        shares = np.asarray(uses)[order] / (np.sum(uses) or 1)
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
