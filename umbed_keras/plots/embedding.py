"""Figure of an image and its embedding."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.ops.similarity import cosines_to
from umbed_keras.plots._matplotlib import (
    SHADES,
    draw_ring,
    new_figure,
    unit_floats,
    vector_at,
    whole_numbers,
)
from umbed_keras.plots.similarity import COSINES
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def embedding_to_rgb(vectors: ArrayLike) -> np.ndarray:
    """Returns the first three principal components of vectors as colours.

    Args:
        vectors: floats `(height, width, latent_dim)`. Vectors of NaN, as pixels without data have
            them, become black.

    Returns:
        float64 `(height, width, 3)` in 0..1: each component from its 2nd to its 98th percentile.
        Components beyond `latent_dim` are 0.

    Raises:
        ValueError: if `vectors` do not have three axes, or no pixel.
        ValueError: if a vector has infinite numbers, or only some of NaN, or all vectors are NaN.

    Examples:
        >>> vectors = np.random.default_rng(0).normal(size=(6, 8, 4))
        >>> colours = uk.plots.embedding_to_rgb(vectors)
        >>> colours.shape, float(colours.min()), float(colours.max())
        ((6, 8, 3), 0.0, 1.0)
    """
    vectors = np.asarray(vectors, "float64")
    if vectors.ndim != 3 or not vectors.size:
        raise ValueError(
            "`vectors` must have shape (height, width, latent_dim), each at least 1. "
            f"Received: shape={vectors.shape}"
        )
    known = ~np.isnan(vectors).all(axis=-1)
    flat = vectors[known]
    if not (len(flat) and np.isfinite(flat).all()):
        strange = np.count_nonzero(~np.isfinite(vectors).all(axis=-1))
        raise ValueError(
            "`vectors` must be finite, or NaN throughout where there are no data. Received NaN or "
            f"infinite numbers in {strange} of {known.size} vectors."
        )
    centred = flat - flat.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    components = centred @ axes[:, ::-1][:, :3]
    low, high = np.percentile(components, [2, 98], axis=0)
    scaled = (components - low) / np.maximum(high - low, 1e-12)
    colours = np.zeros((*known.shape, 3))
    colours[known, : components.shape[1]] = np.clip(scaled, 0, 1)
    return colours


def embedding(
    image: ArrayLike,
    vectors: ArrayLike,
    reconstruction: ArrayLike,
    code_map: ArrayLike | None = None,
    pixel: tuple[int, int] | None = None,
) -> "Figure":
    """Draws an image, its embedding as colours, its codes, its reconstruction and the error.

    If a pixel is chosen, a further panel shows the cosine similarity of all pixels to it.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1.
        vectors: floats `(height, width, latent_dim)`.
        reconstruction: floats of the shape of `image`.
        code_map: integers `(height, width)`, for example the first index of each pixel, or None.
        pixel: ints `(row, col)` of the chosen pixel, or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if images are neither uint8 nor floats, or `code_map` no integers.
        ValueError: if floats have another scale than 0..1, or arrays have other shapes.
        ValueError: if `vectors` are not as in `embedding_to_rgb`, or NaN at `pixel`.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> image, vectors = rng.random((6, 8, 3)), rng.normal(size=(6, 8, 4))
        >>> figure = uk.plots.embedding(image, vectors, image, pixel=(2, 3))
        >>> figure.axes[2].get_title()
        'similarity to the ringed pixel (cosine)'
    """
    image = unit_floats("image", image)
    reconstruction = unit_floats("reconstruction", reconstruction, image.shape)
    if np.shape(vectors)[:-1] != image.shape[:2]:
        raise ValueError(
            f"`vectors` must have shape (height, width, latent_dim), of the pixels of `image`, "
            f"{image.shape[:2]}. Received: shape={np.shape(vectors)}"
        )
    sides = zip(pixel or (), image.shape, strict=False)
    if len(pixel or (0, 0)) != 2 or any(position not in range(side) for position, side in sides):
        raise ValueError(f"`pixel` must lie in an image of {image.shape[:2]}. Received: {pixel}")
    panels = [
        ("image", np.squeeze(image), SHADES),
        ("embedding (principal components)", embedding_to_rgb(vectors), {}),
        ("reconstruction", np.squeeze(reconstruction), SHADES),
    ]
    if code_map is not None:
        # Neighbouring indices are unrelated, so they get different colours.
        codes = whole_numbers("code_map", code_map, image.shape[:2]) % 20
        panels.insert(2, ("code (first index)", codes, {"cmap": "tab20", "vmax": 19}))
    if pixel is not None:
        vectors = np.asarray(vectors, "float64")
        cosines = cosines_to(vectors, vector_at(vectors, *pixel))
        panels.insert(-1, ("similarity to the ringed pixel (cosine)", cosines, COSINES))
    rows = 1 if len(panels) < 5 else 2
    cols = -(-(len(panels) + 1) // rows)
    figure, axes = new_figure(rows, cols, 4 * cols, 4.4 * rows)
    for axis, (title, picture, options) in zip(axes.flat, panels, strict=False):
        axis.imshow(picture, interpolation="nearest", **options)
        axis.set_title(title)
        if pixel is not None:
            draw_ring(axis, *pixel)
    error = np.abs(reconstruction - image).mean(axis=-1)
    last = axes.flat[len(panels)]
    drawn = last.imshow(error, cmap="magma", vmin=0)
    last.set_title("absolute error (of 0..1)")
    figure.colorbar(drawn, ax=last, shrink=0.8)
    return figure
