"""Matplotlib, which is an extra."""

import numpy as np

from umbed_keras.extras import import_extra

# Of images of one channel; those of three are drawn as they are.
SHADES = {"cmap": "gray", "vmin": 0, "vmax": 1}


def new_figure(rows, cols, width, height):
    """A figure and its axes `(rows, cols)` with frames off, independent of any display.

    Raises:
        ImportError: matplotlib is not installed.
    """
    agg, figures = (
        import_extra(f"matplotlib.{module}", "plots")
        for module in ("backends.backend_agg", "figure")
    )
    figure = figures.Figure(figsize=(width, height), layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots(rows, cols, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    return figure, axes


def ring(axis, row, col):
    """Marks a pixel by a ring that shows on light and on dark, and leaves the pixel to be seen."""
    for colour, width in (("black", 2.0), ("white", 0.9)):
        axis.scatter(col, row, s=30, facecolors="none", edgecolors=colour, linewidths=width)


def shown(image):
    """An image `(height, width, channels)` as matplotlib shows it, in 0..1.

    Raises:
        ValueError: another shape, or channels other than 1 or 3.
    """
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            "`image` must have shape (height, width, channels) with 1 or 3 channels. "
            f"Received: shape={image.shape}"
        )
    return image / np.float32(255) if image.dtype == np.uint8 else image
