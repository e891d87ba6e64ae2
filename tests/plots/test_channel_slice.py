import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_the_centre_row_of_each_channel_is_drawn():
    image = np.random.default_rng(0).random((6, 5, 3))
    figure = plots.channel_slice(image, {"rebuilt": image / 2})
    for channel, axis in enumerate(figure.axes):
        truth, half = (line.get_ydata() for line in axis.lines)
        assert np.array_equal(truth, image[3, :, channel])
        assert np.array_equal(half, truth / 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_any_number_of_channels_is_drawn(channels):
    figure = plots.channel_slice(np.zeros((4, 4, channels)), {}, row=0)
    assert len(figure.axes) == channels
