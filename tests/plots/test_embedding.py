import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_channel_are_grey(channels):
    image = np.linspace(0.2, 0.4, 6 * 5 * channels).reshape(6, 5, channels)
    vectors = np.random.default_rng(0).random((6, 5, 4))
    figure = plots.embedding(image, vectors, image)
    for axis in (figure.axes[0], figure.axes[2]):
        drawn = axis.images[0]
        colours = drawn.to_rgba(drawn.get_array())[..., :3]
        np.testing.assert_allclose(colours, np.broadcast_to(image, (6, 5, 3)), atol=1 / 255)
