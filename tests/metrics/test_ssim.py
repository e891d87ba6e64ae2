import numpy as np
import pytest
from keras import ops
from skimage.metrics import structural_similarity

from umbed_keras.metrics import SSIM


def result(metric):
    return float(ops.convert_to_numpy(metric.result()))


def expected(references, images):
    """Each image's similarity."""
    return [
        structural_similarity(
            *pair,
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
        )
        for pair in zip(references, images, strict=True)
    ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value_range", [(0, 1), (0, 255), (-1, 1)])
def test_mean_over_images_of_any_range(pairs, value_range, channels):
    references, images = pairs(channels=channels)
    low, high = value_range
    metric = SSIM(value_range=value_range)
    for part in (slice(0, 2), slice(2, 3)):
        batch = (array[part] * (high - low) + low for array in (references, images))
        metric.update_state(*(array.astype("float32") for array in batch))
    assert result(metric) == pytest.approx(np.mean(expected(references, images)), abs=1e-4)


def test_uint8(pairs):
    references, images = (np.uint8(np.round(255 * array)) for array in pairs(size=11))
    metric = SSIM()
    metric.update_state(references, images)
    found = np.mean(expected(references / 255, images / 255))
    assert result(metric) == pytest.approx(found, abs=1e-4)


def test_weights_of_images(pairs):
    references, images = pairs()
    metric, weights = SSIM(), np.array([1.0, 0.0, 3.0])
    metric.update_state(references, images, sample_weight=weights)
    found = np.average(expected(references, images), weights=weights)
    assert result(metric) == pytest.approx(found, abs=1e-4)


def test_equal_images(pairs):
    references, _ = pairs()
    for images in (references, np.zeros((1, 16, 16, 3))):
        metric = SSIM()
        assert result(metric) == 0
        metric.update_state(images, images)
        assert result(metric) == pytest.approx(1)


def test_too_small_images_are_value_errors():
    with pytest.raises(ValueError, match="at least 11 pixels"):
        SSIM().update_state(np.zeros((1, 10, 20, 3)), np.zeros((1, 10, 20, 3)))


def test_config_round_trip():
    copy = SSIM.from_config(SSIM(value_range=(-1, 1), name="similarity").get_config())
    assert (copy.value_range, copy.name) == ((-1, 1), "similarity")
