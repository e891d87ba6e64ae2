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
        TypeError: if the image is neither uint8 nor floats.
        ValueError: if the image does not have three axes, or not 1 or 3 channels.
        ValueError: if floats have another scale than 0..1.
    """
    image = unit_floats("image", image)
    if image.ndim != 3 or image.shape[-1] not in (1, 3):
        raise ValueError(
            "`image` must have shape (height, width, channels) with 1 or 3 channels. "
            f"Received: shape={image.shape}"
        )
    return image


def unit_floats(
    name: str, images: ArrayLike, shape: tuple[int, ...] | None = None, slack: float = 1.0
) -> np.ndarray:
    """Returns images as floats of which 0 is black and 1 is white.

    Args:
        name: name of the argument.
        images: array of any shape, uint8 (0..255) or floats in 0..1.
        shape: the shape that it must have, or None.
        slack: how far floats may leave 0..1, as reconstructions do.

    Raises:
        TypeError: if they are neither uint8 nor floats.
        ValueError: if they have another shape, or floats have another scale.
    """
    array = np.asarray(images)
    if shape is not None and array.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}. Received: shape={array.shape}")
    if array.dtype == np.uint8:
        return array / np.float32(255)
    if "float" not in array.dtype.name:
        raise TypeError(
            f"`{name}` must be uint8 (0..255) or floats in 0..1. Received: dtype={array.dtype}"
        )
    finite = array[np.isfinite(array)]
    if finite.size and not (finite.min() >= -slack and finite.max() <= 1 + slack):
        raise ValueError(
            f"`{name}` must be uint8 (0..255) or floats in 0..1. "
            f"Received floats from {finite.min():g} to {finite.max():g}."
        )
    return array


def whole_numbers(name: str, numbers: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Returns integers or booleans of a shape as an array.

    Raises:
        TypeError: if they are neither integers nor booleans.
        ValueError: if they have another shape.
    """
    array = np.asarray(numbers)
    if array.dtype.kind not in "biu":
        raise TypeError(f"`{name}` must be integers. Received: dtype={array.dtype}")
    if array.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}. Received: shape={array.shape}")
    return array


def vector_at(vectors: np.ndarray, row: int, col: int) -> np.ndarray:
    """Returns the vector of a pixel.

    Raises:
        ValueError: if it has NaN or infinite numbers.
    """
    vector = vectors[row, col]
    if not np.isfinite(vector).all():
        raise ValueError(
            f"The vector of the pixel at row {row}, column {col} must be finite. Received NaN or "
            "infinite numbers, as pixels without data have them."
        )
    return vector
