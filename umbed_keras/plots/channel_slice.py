"""One row of an image, channel by channel."""

from umbed_keras.plots._matplotlib import new_figure

CHANNEL_NAMES = {1: ("grey",), 3: ("red", "green", "blue")}
LINES = (("#d1495b", "--"), ("#2e6f95", ":"), ("#5b8e3e", "-."), ("#8f5aa8", (0, (5, 1))))


def channel_slice(image, rebuilt, row=None):
    """Draws the values along a row of an image and of its reconstructions, a channel a panel.

    Args:
        image: `(height, width, channels)`, floats in 0..1.
        rebuilt: dictionary, name of a method to an array like `image`.
        row: int; None takes the centre row.

    Returns:
        `matplotlib.figure.Figure`.
    """
    height, _, channels = image.shape
    row = height // 2 if row is None else row
    figure, axes = new_figure(channels, 1, 10, 2.3 * channels + 0.4)
    names = CHANNEL_NAMES.get(channels, [f"channel {channel}" for channel in range(channels)])
    for channel, (axis, name) in enumerate(zip(axes[:, 0], names, strict=True)):
        axis.set_axis_on()
        axis.plot(image[row, :, channel], color="black", linewidth=1.6, label="image")
        for number, (method, found) in enumerate(rebuilt.items()):
            colour, style = LINES[number % len(LINES)]
            values = found[row, :, channel]
            axis.plot(values, color=colour, linestyle=style, linewidth=1.3, label=method)
        axis.set_ylabel(name)
        axis.set_ylim(-0.05, 1.05)
        axis.margins(x=0)
    axes[-1, 0].set_xlabel(f"column, in row {row}")
    lines = axes[0, 0].get_lines()
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines))
    return figure
