"""Windows of images and maps that are blended from them, against NumPy."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.backbones.windows import blend_windows, cut_windows, window_starts

numpy = ops.convert_to_numpy


@pytest.mark.torch_alone
@pytest.mark.parametrize("size", [5, 8, 12, 13, 40])
def test_windows_cover_the_axis(size):
    starts = numpy(window_starts(size, 8, 4))
    covered = {position for start in starts for position in range(start, start + 8)}
    assert covered == set(range(max(size, 8)))
    assert all(start % 4 == 0 for start in starts[:-1])
    assert len(starts) == 1 or starts[-1] + 8 == size


def test_windows_are_those_of_numpy():
    image = np.random.default_rng(0).random((2, 9, 5, 3), "float32")
    padded = np.pad(image, ((0, 0), (0, 0), (0, 3), (0, 0)), "reflect")
    windows = cut_windows(image, (4, 8), (np.array([0, 2, 5]), np.array([0])))
    expected = [padded[one, row : row + 4] for one in range(2) for row in (0, 2, 5)]
    np.testing.assert_array_equal(numpy(windows), expected)


def test_weights_fall_linearly_from_the_middle(rounding):
    rng = np.random.default_rng(0)
    rows, cols, sizes = [0, 2, 3], [0, 3], (7, 9)
    maps = rng.random((2, len(rows), len(cols), 4, 6, 3), "float32")
    total, weight = np.zeros((2, *sizes, 3)), np.zeros((*sizes, 1))
    profiles = [np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5 for n in (4, 6)]
    share = np.multiply.outer(*profiles)[..., None]
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            total[:, row : row + 4, col : col + 6] += share * maps[:, i, j]
            weight[row : row + 4, col : col + 6] += share
    blended = blend_windows(maps.reshape(-1, 4, 6, 3), (np.array(rows), np.array(cols)), sizes)
    np.testing.assert_allclose(numpy(blended), total / weight, atol=rounding(36))
