"""Figure of the clusters of an image's pixels."""

from typing import TYPE_CHECKING

import numpy as np

from umbed_keras.plots._matplotlib import SHADES, new_figure, unit_image, whole_numbers
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def clusters(image: ArrayLike, numbers: ArrayLike) -> "Figure":
    """Draws an image, its clusters, and the image in each cluster's mean colour.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1, of 1 or 3 channels.
        numbers: integers `(height, width)`, the cluster of each pixel, as returned by
            `umbed_keras.segmentation.cluster_pixels`. Colours repeat after 20 clusters.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if `numbers` are no integers.
        ValueError: if the arrays have other shapes, or `image` not 1 or 3 channels.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> image = np.random.default_rng(0).random((6, 8, 3))
        >>> figure = uk.plots.clusters(image, image[..., 0] > 0.5)
        >>> [axis.get_title() for axis in figure.axes]
        ['image', 'clusters of vectors', 'mean colour of each']
    """
    image = unit_image(image)
    numbers = whole_numbers("numbers", numbers, image.shape[:2])
    means = np.empty_like(image)
    for number in np.unique(numbers):
        inside = numbers == number
        means[inside] = image[inside].mean(axis=0)
    height, width = numbers.shape
    figure, axes = new_figure(1, 3, 12, 4 * height / width + 0.4)
    panels = (
        ("image", np.squeeze(image), SHADES),
        ("clusters of vectors", numbers % 20, {"cmap": "tab20", "vmin": 0, "vmax": 19}),
        ("mean colour of each", np.squeeze(means), SHADES),
    )
    for axis, (title, picture, options) in zip(axes.flat, panels, strict=True):
        axis.imshow(picture, interpolation="nearest", **options)
        axis.set_title(title)
    return figure
