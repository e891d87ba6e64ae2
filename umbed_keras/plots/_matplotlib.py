"""Axes and marks that the figures share."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How images of one channel are drawn; matplotlib ignores it for those of three.
SHADES = {"cmap": "gray", "vmin": 0, "vmax": 1}


def new_figure(rows: int, cols: int, width: float, height: float) -> tuple["Figure", np.ndarray]:
    """Returns a figure and its axes `(rows, cols)` without frames, independent of any display.

    Args:
        rows: int, rows of axes.
        cols: int, columns of axes.
        width: float, in inches.
        height: float, in inches.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    agg = import_extra("matplotlib.backends.backend_agg", "plots")
    from umbed_keras.plots._figure import Figure  # imports matplotlib

    figure = Figure(figsize=(width, height), layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots(rows, cols, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def draw_ring(axis: "Axes", row: float, col: float) -> None:
    """Draws a ring around a pixel that is visible on light and on dark and hides no pixel."""
    for colour, width in (("black", 2.0), ("white", 0.9)):
        axis.scatter(col, row, s=30, facecolors="none", edgecolors=colour, linewidths=width)


def unit_image(image: ArrayLike) -> np.ndarray:
    """Returns an image `(height, width, channels)` with uint8 scaled to float32 in 0..1.

    Raises:
        ValueError: if the image does not have three axes, or not 1 or 3 channels.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            "`image` must have shape (height, width, channels) with 1 or 3 channels. "
            f"Received: shape={image.shape}"
        )
    return image / np.float32(255) if image.dtype == np.uint8 else image
