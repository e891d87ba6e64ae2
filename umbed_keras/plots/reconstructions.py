"""Images beside what methods make of them."""

import numpy as np

from umbed_keras.plots._matplotlib import new_figure


def reconstructions(images, rebuilt, error_limit=None):
    """Draws images, their reconstructions by several methods and each one's error, an image a row.

    Args:
        images: `(n, height, width, channels)`, floats in 0..1.
        rebuilt: dictionary, name of a method to an array like `images`.
        error_limit: float, the absolute error (mean over channels) that is drawn brightest; None
            takes the largest of all methods, the same scale for all.

    Returns:
        `matplotlib.figure.Figure`.
    """
    images = np.asarray(images)
    errors = {
        name: np.abs(np.asarray(found) - images).mean(axis=-1) for name, found in rebuilt.items()
    }
    limit = error_limit or max(float(error.max()) for error in errors.values())
    columns = 1 + 2 * len(rebuilt)
    figure, axes = new_figure(len(images), columns, 2.4 * columns, 2.4 * len(images) + 0.4)
    for row, image in enumerate(images):
        panels = [("image", image, {}), *((name, rebuilt[name][row], {}) for name in rebuilt)]
        shades = {"cmap": "magma", "vmin": 0, "vmax": limit}
        panels += [(f"{name}: error", error[row], shades) for name, error in errors.items()]
        for axis, (title, picture, options) in zip(axes[row], panels, strict=True):
            picture = np.squeeze(np.clip(picture, 0, 1))
            drawn = axis.imshow(picture, **{"cmap": "gray", "vmin": 0, "vmax": 1, **options})
            if row == 0:
                axis.set_title(title)
    figure.colorbar(drawn, ax=axes[:, 1 + len(rebuilt) :], label="absolute error", aspect=40)
    return figure
