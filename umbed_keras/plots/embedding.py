"""An image beside what its embedding knows of it."""

import numpy as np

from umbed_keras.ops.similarity import cosines_to
from umbed_keras.plots._matplotlib import SHADES, new_figure, ring
from umbed_keras.plots.similarity import COSINES


def embedding_to_rgb(vectors):
    """The first three principal components of vectors as colours.

    Args:
        vectors: array `(height, width, latent_dim)`.

    Returns:
        Float array `(height, width, 3)` in 0..1: the 2nd to 98th percentile of each component,
        stretched; components that are not there are 0.
    """
    height, width, size = vectors.shape
    flat = vectors.reshape(-1, size).astype("float64")
    centred = flat - flat.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    components = centred @ axes[:, ::-1][:, :3]
    low, high = np.percentile(components, [2, 98], axis=0)
    colours = np.zeros((len(flat), 3))
    colours[:, : components.shape[1]] = (components - low) / np.maximum(high - low, 1e-12)
    return np.clip(colours, 0, 1).reshape(height, width, 3)


def embedding(image, vectors, reconstruction, code_map=None, pixel=None):
    """Draws an image, its embedding as colours, its codes, its reconstruction and the error.

    And, of a chosen pixel, how similar all the others are to it.

    Args:
        image: `(height, width, channels)`, floats in 0..1.
        vectors: `(height, width, latent_dim)`.
        reconstruction: like `image`.
        code_map: integers `(height, width)`, such as each pixel's first index, or None.
        pixel: ints `(row, col)`, or None.

    Returns:
        `matplotlib.figure.Figure`.
    """
    panels = [
        ("image", np.squeeze(image), SHADES),
        ("embedding (principal components)", embedding_to_rgb(vectors), {}),
        ("reconstruction", np.squeeze(reconstruction), SHADES),
    ]
    if code_map is not None:
        # Neighbouring numbers have nothing in common, and get colours of their own.
        panels.insert(2, ("code (first index)", code_map % 20, {"cmap": "tab20", "vmax": 19}))
    if pixel is not None:
        vectors = np.asarray(vectors, "float64")
        cosines = cosines_to(vectors, vectors[pixel])
        panels.insert(-1, ("similarity to the ringed pixel (cosine)", cosines, COSINES))
    rows = 1 if len(panels) < 5 else 2
    cols = -(-(len(panels) + 1) // rows)
    figure, axes = new_figure(rows, cols, 4 * cols, 4.4 * rows)
    for axis, (title, picture, options) in zip(axes.flat, panels, strict=False):
        axis.imshow(picture, interpolation="nearest", **options)
        axis.set_title(title)
        if pixel is not None:
            ring(axis, *pixel)
    error = np.abs(reconstruction - image).mean(axis=-1)
    last = axes.flat[len(panels)]
    drawn = last.imshow(error, cmap="magma", vmin=0)
    last.set_title("absolute error (of 0..1)")
    figure.colorbar(drawn, ax=last, shrink=0.8)
    return figure
