"""Figure of images and their reconstructions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.plots._matplotlib import new_figure, unit_floats
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reconstructions(
    images: ArrayLike, rebuilt: Mapping[str, ArrayLike], error_limit: float | None = None
) -> "Figure":
    """Draws images, their reconstructions by several methods and the errors, a row for each image.

    Args:
        images: `(n, height, width, channels)`, uint8 or floats in 0..1.
        rebuilt: dict, name of a method to an array of the shape of `images`.
        error_limit: float, the absolute error (mean over channels) that is drawn brightest. None
            takes the largest error of all methods. All methods share one scale.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if images are neither uint8 nor floats.
        ValueError: if floats have another scale than 0..1, or arrays have other shapes.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> images = np.random.default_rng(0).random((2, 6, 8, 3))
        >>> figure = uk.plots.reconstructions(images, {"half": images / 2})
        >>> [axis.get_title() for axis in figure.axes[:3]]
        ['image', 'half', 'half: error']
    """
    images = unit_floats("images", images)
    rebuilt = {
        name: unit_floats(f"rebuilt[{name!r}]", array, images.shape)
        for name, array in rebuilt.items()
    }
    if error_limit is not None and not error_limit > 0:
        raise ValueError(f"`error_limit` must be above 0. Received: {error_limit}")
    errors = {name: np.abs(array - images).mean(axis=-1) for name, array in rebuilt.items()}
    # Pixels without data have no error.
    limit = error_limit or max(
        float(np.max(e, initial=0, where=~np.isnan(e))) for e in errors.values()
    )
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
