"""Figure of one image row, channel by channel."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from umbed_keras.plots._matplotlib import new_figure, unit_floats
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNEL_NAMES = {1: ("grey",), 3: ("red", "green", "blue")}
LINES = (("#d1495b", "--"), ("#2e6f95", ":"), ("#5b8e3e", "-."), ("#8f5aa8", (0, (5, 1))))


def channel_slice(
    image: ArrayLike, rebuilt: Mapping[str, ArrayLike], row: int | None = None
) -> "Figure":
    """Draws one row of an image and of its reconstructions, a panel for each channel.

    Args:
        image: `(height, width, channels)`, uint8 or floats in 0..1.
        rebuilt: dict, name of a method to an array of the shape of `image`.
        row: int, or None for the centre row.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if images are neither uint8 nor floats.
        ValueError: if floats have another scale than 0..1, or arrays have other shapes.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> image = np.random.default_rng(0).random((6, 8, 3))
        >>> figure = uk.plots.channel_slice(image, {"half": image / 2})
        >>> [axis.get_ylabel() for axis in figure.axes]
        ['red', 'green', 'blue']
    """
    image = unit_floats("image", image)
    rebuilt = {
        name: unit_floats(f"rebuilt[{name!r}]", array, image.shape)
        for name, array in rebuilt.items()
    }
    height, _, channels = image.shape
    row = height // 2 if row is None else row
    if row not in range(height):
        raise ValueError(f"`row` must be an integer from 0 to {height - 1}. Received: {row}")
    figure, axes = new_figure(channels, 1, 10, 2.3 * channels + 0.4)
    names = CHANNEL_NAMES.get(channels, [f"channel {channel}" for channel in range(channels)])
    for channel, (axis, name) in enumerate(zip(axes[:, 0], names, strict=True)):
        axis.set_axis_on()
        axis.plot(image[row, :, channel], color="black", linewidth=1.6, label="image")
        for number, (method, reconstruction) in enumerate(rebuilt.items()):
            colour, style = LINES[number % len(LINES)]
            values = reconstruction[row, :, channel]
            axis.plot(values, color=colour, linestyle=style, linewidth=1.3, label=method)
        axis.set_ylabel(name)
        axis.set_ylim(-0.05, 1.05)
        axis.margins(x=0)
    axes[-1, 0].set_xlabel(f"column, in row {row}")
    lines = axes[0, 0].get_lines()
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines))
    return figure
