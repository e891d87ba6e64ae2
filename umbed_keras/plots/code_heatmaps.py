"""Figure of where images use which codes."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.plots._matplotlib import new_figure, unit_floats, whole_numbers
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def code_heatmaps(images: ArrayLike, indices: ArrayLike, coefficients: ArrayLike) -> "Figure":
    """Draws images, their codebook indices and their largest coefficients, a row for each image.

    Args:
        images: `(n, height, width, channels)`, uint8 or floats in 0..1.
        indices: integers `(n, rows, cols)`, the index into a codebook at each position.
        coefficients: floats `(n, rows, cols, sparsity)` of a sparse code, drawn as
            `log10(1 + largest magnitude)`.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if `indices` are no integers.
        ValueError: if the arrays have other shapes, or a coefficient is NaN or infinite.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> indices, coefficients = rng.integers(16, size=(1, 4, 4)), rng.normal(size=(1, 4, 4, 2))
        >>> figure = uk.plots.code_heatmaps(rng.random((1, 8, 8, 3)), indices, coefficients)
        >>> figure.axes[1].get_title()
        'VQ'
    """
    images, coefficients = unit_floats("images", images), np.asarray(coefficients)
    if images.ndim != 4 or coefficients.ndim != 4 or len(coefficients) != len(images):
        raise ValueError(
            "`images` must have shape (n, height, width, channels), and `coefficients` shape (n, "
            f"rows, cols, sparsity). Received: {images.shape} and {coefficients.shape}"
        )
    indices = whole_numbers("indices", indices, coefficients.shape[:3])
    if not np.isfinite(coefficients).all():
        raise ValueError("`coefficients` must be finite. Received NaN or infinite numbers.")
    strongest = np.log10(1 + np.abs(coefficients).max(axis=-1))
    figure, axes = new_figure(len(images), 3, 9, 2.7 * len(images) + 0.4)
    columns = (
        ("VQ", "index", indices, "viridis"),
        ("DL: strongest", "log10(1 + |coefficient|)", strongest, "inferno"),
    )
    for row, image in enumerate(images):
        axes[row, 0].imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=1)
    axes[0, 0].set_title("image")
    for column, (title, label, maps, colours) in enumerate(columns, start=1):
        scale = {"cmap": colours, "vmin": np.min(maps), "vmax": np.max(maps)}
        for axis, picture in zip(axes[:, column], maps, strict=True):
            drawn = axis.imshow(picture, interpolation="nearest", **scale)
        axes[0, column].set_title(title)
        figure.colorbar(drawn, ax=axes[:, column], label=label, aspect=40)
    return figure
