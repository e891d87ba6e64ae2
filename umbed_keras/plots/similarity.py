"""Which pixels are like a chosen one."""

import numbers

import numpy as np

from umbed_keras.plots._matplotlib import SHADES, new_figure, ring, shown

COSINES = {"cmap": "magma", "vmin": 0, "vmax": 1}


def cosines_to(vectors, chosen):
    """The cosines `(height, width)` of the angles between all vectors and a chosen one."""

    def directions(vectors):
        # A vector of zeros has no direction, and is similar to none.
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    return directions(vectors) @ directions(chosen)


def check_pixel(image, row, col):
    """Raises ValueError unless there is such a pixel of an image `(height, width, ...)`."""
    for name, place, size in zip(("row", "col"), (row, col), image.shape, strict=False):
        if not isinstance(place, numbers.Integral) or place not in range(size):
            raise ValueError(f"`{name}` must be an integer from 0 to {size - 1}. Received: {place}")


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
    check_pixel(image, row, col)
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
