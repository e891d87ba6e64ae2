"""An image beside what its embedding knows of it."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


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


# Of images of one channel; those of three are drawn as they are.
SHADES = {"cmap": "gray", "vmin": 0, "vmax": 1}


def embedding(image, vectors, reconstruction, code_map=None):
    """Draws an image, its embedding as colours, its codes, its reconstruction and the error.

    Args:
        image: `(height, width, channels)`, floats in 0..1.
        vectors: `(height, width, latent_dim)`.
        reconstruction: like `image`.
        code_map: integers `(height, width)`, such as each pixel's first index, or None.

    Returns:
        `matplotlib.figure.Figure`.
    """
    panels = [
        ("image", np.squeeze(image), SHADES),
        ("embedding (principal components)", embedding_to_rgb(vectors), {}),
        ("reconstruction", np.squeeze(reconstruction), SHADES),
    ]
    if code_map is not None:
        panels.insert(2, ("code (first index)", code_map, {"cmap": "tab20", "vmin": 0}))
    figure, axes = new_figure(1, len(panels) + 1, 4 * (len(panels) + 1), 4.4)
    for axis, (title, picture, options) in zip(axes[0], panels, strict=False):
        axis.imshow(picture, interpolation="nearest", **options)
        axis.set_title(title)
    error = np.abs(reconstruction - image).mean(axis=-1)
    drawn = axes[0, -1].imshow(error, cmap="magma", vmin=0)
    axes[0, -1].set_title("absolute error (of 0..1)")
    figure.colorbar(drawn, ax=axes[0, -1], shrink=0.8)
    return figure
