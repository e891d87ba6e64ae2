"""Figure of the similarity of all pixels to a chosen one."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.plots._matplotlib import SHADES, draw_ring, new_figure, unit_image, vector_at
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSINES = {"cmap": "magma", "vmin": 0, "vmax": 1}


def similarity(image: ArrayLike, vectors: ArrayLike, row: int, col: int) -> "Figure":
    """Draws an image with a marked pixel, and the cosine similarity of all vectors to that pixel's.

    The direction of a vector says which kind of structure a pixel shows, its length how strong the
    contrast is. Distances would call all pixels of a faint region similar, whatever they show,
    because their vectors are short. The colours range from 0 (at right angles or beyond) to 1.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1, of 1 or 3 channels.
        vectors: floats `(height, width, latent_dim)`.
        row: int, row of the chosen pixel.
        col: int, column of the chosen pixel.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: if the arrays have other shapes, or `image` not 1 or 3 channels.
        ValueError: if the pixel is outside the image, or has no finite vector.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> image, vectors = rng.random((6, 8, 3)), rng.normal(size=(6, 8, 4))
        >>> figure = uk.plots.similarity(image, vectors, row=2, col=3)
        >>> figure.axes[0].get_title()
        'pixel at row 2, column 3'
    """
    image, vectors = unit_image(image), np.asarray(vectors, "float64")
    if vectors.ndim != 3 or vectors.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"`vectors` must have shape {(*image.shape[:2], 'latent_dim')}, that of the pixels of "
            f"`image`. Received: shape={vectors.shape}"
        )
    check_pixel(image.shape, row, col)
    cosines = cosines_to(vectors, vector_at(vectors, row, col))
    height, width = image.shape[:2]
    figure, axes = new_figure(1, 2, 10, 4.6 * height / width + 0.4)
    axes[0, 0].imshow(np.squeeze(image), **SHADES)
    axes[0, 0].set_title(f"pixel at row {row}, column {col}")
    drawn = axes[0, 1].imshow(cosines, **COSINES)
    axes[0, 1].set_title("similarity (cosine)")
    for axis in axes[0]:
        draw_ring(axis, row, col)
    figure.colorbar(drawn, ax=axes[0], extend="min", aspect=40, pad=0.02)
    return figure
