import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.metrics import FID

numpy = ops.convert_to_numpy


@pytest.fixture
def small_inception(monkeypatch):
    """Replaces Inception, which takes long to build, by a network of two averaged features."""

    def build(include_top, weights, pooling, input_shape):
        assert (include_top, weights, pooling) == (False, None, "avg")
        convolution = keras.layers.Conv2D(2, 16, strides=16, activation="relu")
        layers = [keras.Input(input_shape), convolution, keras.layers.GlobalAveragePooling2D()]
        return keras.Sequential(layers)

    monkeypatch.setattr(keras.applications, "InceptionV3", build)


def assert_means_are_inceptions(metric, references, images, rounding):
    """Compares the accumulated means with those of the features of preprocessed images."""
    metric.update_state(references, images)
    inception = metric.feature_extractor.layers[-1]
    for batch, (count, mean, _) in ((references, metric._references), (images, metric._images)):
        prepared = keras.applications.inception_v3.preprocess_input(
            batch.astype("float32"), data_format="channels_last"
        )
        features = numpy(inception(prepared, training=False))
        assert numpy(count) == len(batch)
        expected = features.mean(axis=0)
        np.testing.assert_allclose(numpy(mean), expected, atol=rounding(inception, expected))


def random_images():
    images = np.random.default_rng(0).integers(0, 256, (2, 299, 299, 3), dtype="uint8")
    return images, images // 2


def test_moments_are_those_of_inceptions_features(rounding):
    if keras.backend.backend() == "jax":
        pytest.skip("building Inception op by op takes a minute on JAX")
    metric = FID(weights=None)
    assert_means_are_inceptions(metric, *random_images(), rounding)
    assert metric._images[1].shape == (2048,)


def test_images_are_scaled_to_the_range_of_inception(small_inception, rounding):
    assert_means_are_inceptions(FID(weights=None), *random_images(), rounding)


def test_channels_are_last_with_any_setting_of_keras(small_inception, rounding):
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        assert_means_are_inceptions(FID(weights=None), *random_images(), rounding)
        assert keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_image_data_format(before)


def test_images_of_any_size_and_range(small_inception, rounding):
    images = np.repeat(np.repeat(np.uint8([[0, 100], [200, 255]])[None], 40, 1), 30, 2)
    images = np.stack([images, images // 2], axis=-1)[..., [0, 1, 1]]
    metric = FID(weights=None, value_range=(-1, 1))
    metric.update_state(images, images.astype("float32") / 255 * 2 - 1)
    references, others = (numpy(m[1]) for m in (metric._references, metric._images))
    tolerance = rounding(metric.feature_extractor.layers[-1], references)
    np.testing.assert_allclose(others, references, atol=tolerance)
    # Negligible compared with the distance to other images.
    metric.update_state(images, images.astype("float32") / 255 * 2 - 1)
    distance = float(metric.result())
    metric.update_state(images, images // 2)
    assert abs(distance) <= 1e-3 * float(metric.result())


def test_unobtainable_weights_name_the_alternative(monkeypatch):
    def offline(**kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(OSError, match=r"URL fetch failure.*FrechetDistance"):
        FID()
    with pytest.raises(Exception, match=r"^URL fetch failure$"):
        FID(weights=None)


def test_config_round_trip(small_inception):
    copy = FID.from_config(FID(weights=None, value_range=(-1, 1)).get_config())
    assert (copy.value_range, copy.weights, copy.name) == ((-1, 1), None, "fid")
