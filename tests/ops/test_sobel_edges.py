import numpy as np
import pytest
from keras import ops
from scipy.ndimage import sobel

from umbed_keras.ops.sobel_edges import sobel_edges


@pytest.mark.parametrize("shape", [(2, 7, 9, 3), (1, 2, 1, 1)], ids=str)
def test_gradients_are_those_of_scipy(shape, rounding):
    images = np.random.default_rng(0).random(shape).astype("float32")
    actual = ops.convert_to_numpy(sobel_edges(ops.convert_to_tensor(images)))
    # SciPy's mirror does not repeat the edge; it smooths along all other axes.
    expected = np.empty(actual.shape)
    for image in range(shape[0]):
        for channel in range(shape[3]):
            plane = images[image, ..., channel].astype("float64")
            for axis in range(2):
                expected[image, ..., channel, axis] = sobel(plane, axis, mode="mirror") / 8
    np.testing.assert_allclose(actual, expected, atol=rounding(6, expected))
