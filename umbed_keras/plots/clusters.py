"""Which pixels belong together."""

import numpy as np

from umbed_keras.plots._matplotlib import SHADES, new_figure, shown


def clusters(image, numbers):
    """Draws an image, its clusters, and the image in each cluster's mean colour.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1, of 1 or 3 channels.
        numbers: ints `(height, width)`, the cluster of each pixel, such as
            `umbed_keras.segmentation.cluster_pixels` gives; 20 colours, then again.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        ValueError: arrays of other shapes.
    """
    image, numbers = shown(image), np.asarray(numbers)
    if numbers.shape != image.shape[:2]:
        raise ValueError(
            f"`numbers` must have shape {image.shape[:2]}, one a pixel of `image`. "
            f"Received: shape={numbers.shape}"
        )
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
