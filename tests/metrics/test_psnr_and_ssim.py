import numpy as np
import pytest
from keras import ops
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from umbed_keras.metrics import PSNR, SSIM


def similarity(reference, image):
    return structural_similarity(
        reference,
        image,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
    )


def ratio(reference, image):
    return peak_signal_noise_ratio(reference, image, data_range=1)


# Metric, reference of scikit-image, tolerance (in dB, and of 1), and value of equal images.
METRICS = {"psnr": (PSNR, ratio, 1e-3, 100), "ssim": (SSIM, similarity, 1e-4, 1)}


@pytest.fixture(params=METRICS)
def kind(request):
    return METRICS[request.param]


def result(metric):
    return float(ops.convert_to_numpy(metric.result()))


def expected(reference, references, images, weights=None):
    values = [reference(*pair) for pair in zip(references, images, strict=True)]
    return np.average(values, weights=weights)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("value_range", [(0, 1), (0, 255), (-1, 1)])
def test_mean_over_images_of_any_range(kind, pairs, value_range, channels):
    make, reference, tolerance, _ = kind
    references, images = pairs(channels=channels)
    low, high = value_range
    metric = make(value_range=value_range)
    for part in (slice(0, 2), slice(2, 3)):
        batch = (array[part] * (high - low) + low for array in (references, images))
        metric.update_state(*(array.astype("float32") for array in batch))
    mean = expected(reference, references, images)
    assert result(metric) == pytest.approx(mean, abs=tolerance)


def test_uint8_images(kind, pairs):
    make, reference, tolerance, _ = kind
    references, images = (np.uint8(np.round(255 * array)) for array in pairs(size=11))
    unit = expected(reference, references / 255, images / 255)
    for others in (images, images.astype("float32") / 255):
        metric = make()
        metric.update_state(references, others)
        assert result(metric) == pytest.approx(unit, abs=tolerance)


def test_weights_of_images(kind, pairs):
    make, reference, tolerance, _ = kind
    references, images = pairs()
    metric, weights = make(), np.array([1.0, 0.0, 3.0])
    metric.update_state(references, images, sample_weight=weights)
    mean = expected(reference, references, images, weights)
    assert result(metric) == pytest.approx(mean, abs=tolerance)


def test_equal_images(kind, pairs):
    make, reference, tolerance, best = kind
    references, images = pairs()
    metric = make()
    metric.update_state(references, references)
    assert result(metric) == pytest.approx(best, abs=tolerance)
    metric.update_state(np.zeros((3, 16, 16, 3)), np.zeros((3, 16, 16, 3)))
    assert result(metric) == pytest.approx(best, abs=tolerance)
    metric.update_state(references, images)
    mean = (2 * best + expected(reference, references, images)) / 3
    assert result(metric) == pytest.approx(mean, abs=tolerance)


def test_of_no_images(kind, pairs):
    make, *_ = kind
    references, images = pairs()
    metric = make()
    assert np.isnan(result(metric))
    metric.update_state(references[:0], images[:0])
    assert np.isnan(result(metric))
    metric.update_state(references, images, sample_weight=np.zeros(3))
    assert np.isnan(result(metric))
    metric.update_state(references, references)
    assert np.isfinite(result(metric))


def test_ssim_of_too_small_images_is_a_value_error():
    with pytest.raises(ValueError, match="at least 11 pixels"):
        SSIM().update_state(np.zeros((1, 10, 20, 3)), np.zeros((1, 10, 20, 3)))


def test_config_round_trip(kind):
    make, *_ = kind
    copy = make.from_config(make(value_range=(-1, 1), name="mine").get_config())
    assert (copy.value_range, copy.name) == ((-1, 1), "mine")
