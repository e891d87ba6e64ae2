import numpy as np
import pytest

from umbed_keras import plots

pytest.importorskip("matplotlib")


def test_the_largest_magnitude_of_a_position_is_drawn():
    coefficients = np.zeros((1, 2, 2, 3))
    coefficients[0, 0, 1] = [1, -9, 2]
    figure = plots.code_heatmaps(
        np.zeros((1, 2, 2, 3)), np.arange(4).reshape(1, 2, 2), coefficients
    )
    indices, strongest = (axis.images[0].get_array() for axis in figure.axes[1:3])
    assert np.array_equal(indices, [[0, 1], [2, 3]])
    assert np.allclose(strongest, [[0, 1], [0, 0]])
