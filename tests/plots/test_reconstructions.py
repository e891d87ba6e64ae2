import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_all_methods_share_one_scale_of_errors():
    images = np.zeros((2, 4, 4, 3))
    figure = plots.reconstructions(images, {"far": images + 0.5, "near": images + 0.1})
    errors = [axis.images[0] for axis in figure.axes if axis.images and axis.images[0].colorbar]
    maps = [axis.images[0] for axis in figure.axes[3:5]]
    assert errors[-1] is figure.axes[9].images[0]
    assert [picture.get_clim() for picture in maps] == [(0, pytest.approx(0.5))] * 2
    assert np.allclose(maps[1].get_array(), 0.1)


@pytest.mark.parametrize("channels", [1, 3])
def test_exact_reconstructions_of_any_channels_can_be_drawn(channels):
    images = np.full((1, 4, 4, channels), 0.5)
    plots.reconstructions(images, {"exact": images}).canvas.draw()
