"""Which pixels are like a chosen one."""

import numpy as np

from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.plots._matplotlib import SHADES, new_figure, ring, shown

COSINES = {"cmap": "magma", "vmin": 0, "vmax": 1}


def similarity(image, vectors, row, col):
    """Draws an image with a pixel marked, and how similar every pixel's vector is to that one's.

    Similar is the cosine of the angle between two vectors, not their distance: a vector's length
    says how strong a contrast is, its direction of which kind, and where a part of an image is
    faint, its pixels lie near the origin and so near to each other whatever they show. The map's
    colours go from 0, at right angles or beyond, to 1.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1, of 1 or 3 channels.
        vectors: floats `(height, width, latent_dim)`.
        row, col: ints, the chosen pixel.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: arrays of other shapes, or a pixel outside the image.
    """
    image, vectors = shown(image), np.asarray(vectors, "float64")
    if vectors.ndim != 3 or vectors.shape[:2] != image.shape[:2]:
        raise ValueError(
            f"`vectors` must have shape {(*image.shape[:2], 'latent_dim')}, one a pixel of `image`."
            f" Received: shape={vectors.shape}"
        )
    check_pixel(image.shape, row, col)
    height, width = image.shape[:2]
    figure, axes = new_figure(1, 2, 10, 4.6 * height / width + 0.4)
    axes[0, 0].imshow(np.squeeze(image), **SHADES)
    axes[0, 0].set_title(f"pixel at row {row}, column {col}")
    drawn = axes[0, 1].imshow(cosines_to(vectors, vectors[row, col]), **COSINES)
    axes[0, 1].set_title("similarity (cosine)")
    for axis in axes[0]:
        ring(axis, row, col)
    figure.colorbar(drawn, ax=axes[0], extend="min", aspect=40, pad=0.02)
    return figure
