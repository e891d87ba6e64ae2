import numpy as np
import pytest
from keras import ops
from skimage.metrics import peak_signal_noise_ratio

from umbed_keras.metrics import PSNR


def result(metric):
    return float(ops.convert_to_numpy(metric.result()))


def expected(references, images):
    """Each image's ratio in dB."""
    return [
        peak_signal_noise_ratio(*pair, data_range=1)
        for pair in zip(references, images, strict=True)
    ]


@pytest.mark.parametrize("value_range", [(0, 1), (0, 255), (-1, 1)])
def test_mean_over_images_of_any_range(pairs, value_range):
    references, images = pairs()
    low, high = value_range
    metric = PSNR(value_range=value_range)
    for part in (slice(0, 2), slice(2, 3)):
        batch = (array[part] * (high - low) + low for array in (references, images))
        metric.update_state(*(array.astype("float32") for array in batch))
    assert result(metric) == pytest.approx(np.mean(expected(references, images)), abs=1e-3)


def test_uint8(pairs):
    references, images = (np.uint8(np.round(255 * array)) for array in pairs())
    metric = PSNR()
    metric.update_state(references, images)
    unit = np.mean(expected(references / 255, images / 255))
    assert result(metric) == pytest.approx(unit, abs=1e-3)
    metric.reset_state()
    metric.update_state(references, images.astype("float32") / 255)
    assert result(metric) == pytest.approx(unit, abs=1e-3)


def test_weights_of_images(pairs):
    references, images = pairs()
    metric, weights = PSNR(), np.array([1.0, 0.0, 3.0])
    metric.update_state(references, images, sample_weight=weights)
    found = np.average(expected(references, images), weights=weights)
    assert result(metric) == pytest.approx(found, abs=1e-3)


def test_equal_images_are_worth_100_db(pairs):
    references, images = pairs()
    metric = PSNR()
    assert result(metric) == 0
    metric.update_state(references, references)
    assert result(metric) == pytest.approx(100)
    metric.update_state(references, images)
    assert result(metric) == pytest.approx(50 + np.mean(expected(references, images)) / 2, abs=1e-3)


def test_config_round_trip():
    copy = PSNR.from_config(PSNR(value_range=(-1, 1), name="ratio").get_config())
    assert (copy.value_range, copy.name) == ((-1, 1), "ratio")
