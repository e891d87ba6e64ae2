import keras
import numpy as np
import pytest

from umbed_keras.segmentation import GuidedSmoothing
from umbed_keras.segmentation.export.smoothing_graph import gaussian_blur, smoothed
from umbed_keras.segmentation.smoothing import as_smoothing, blurred


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 23)])
@pytest.mark.parametrize("smoothing", ["guided", GuidedSmoothing(4, blur=0), 2.5, 0], ids=str)
def test_filters_are_those_of_the_classifier(shape, smoothing):
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(3), shape).astype("float32")
    guide = random.random((*shape, 3), "float32")
    valid = np.ones(shape, bool)
    expected = as_smoothing(smoothing, min(shape))(probabilities, guide, valid)
    result = keras.ops.convert_to_numpy(smoothed(probabilities[None], guide[None], smoothing))
    np.testing.assert_allclose(result[0], expected, atol=1e-5)


def test_a_blur_that_is_wider_than_the_image():
    maps = np.random.default_rng(0).random((3, 4, 2), "float32")
    expected = blurred(maps, 5.0, np.ones((3, 4), bool))
    result = keras.ops.convert_to_numpy(gaussian_blur(maps[None], 5.0))
    np.testing.assert_allclose(result[0], expected, atol=1e-6)
