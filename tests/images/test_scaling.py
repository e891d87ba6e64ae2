"""Limits and scaled numbers against NumPy's percentiles in float64."""

import json

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.images.scaling import sample


def camera(shape=(60, 70), dtype="uint16", low=80, high=900, seed=0):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "int64", "float64"])
def test_numbers_are_stretched_between_percentiles(dtype):
    image = camera(dtype=dtype) - (200 if np.dtype(dtype).kind != "u" else 0)
    image = image.astype(dtype)
    scaling = uk.Scaling().fit(image)
    low, high = np.percentile(image.astype("float64"), (1, 99.8))
    np.testing.assert_allclose(scaling.limits, [(low, high)])
    scaled = scaling(image)
    assert scaled.dtype == np.float32
    expected = np.clip((image.astype("float64") - low) / (high - low), 0, 1)
    np.testing.assert_allclose(scaled, expected, atol=4 * np.finfo("float32").eps)


def test_eight_bits_and_floats_in_range_stay_as_they_are():
    image = camera((6, 7, 3), "uint8", 0, 256)
    np.testing.assert_array_equal(uk.Scaling().fit(image)(image), image.astype("float32") / 255)
    floats = np.random.default_rng(0).uniform(0.2, 0.4, (6, 7)).astype("float32")
    np.testing.assert_array_equal(uk.Scaling().fit(floats)(floats), floats)
    # One number beyond 1, and they are of another scale.
    floats[0, 0] = 1.5
    assert uk.Scaling().fit(floats).limits != [(0.0, 1.0)]


def test_booleans_are_zero_and_one():
    image = camera((6, 7)) > 400
    np.testing.assert_array_equal(uk.Scaling().fit(image)(image), image.astype("float32"))


def test_complex_numbers_are_refused_with_advice():
    image = camera() + 1j * camera(seed=1)
    with pytest.raises(TypeError, match=r"complex128.*numpy\.abs"):
        uk.Scaling().fit(image)
    with pytest.raises(TypeError, match=r"complex128.*numpy\.abs"):
        uk.Scaling((0, 900))(image)
    magnitude = np.dstack([np.abs(image), np.angle(image)])
    assert uk.Scaling().fit(magnitude)(magnitude).shape == magnitude.shape


def test_channels_have_limits_of_their_own():
    image = np.dstack([camera(high=300), camera(high=3000, seed=1)])
    scaling = uk.Scaling().fit(image)
    expected = np.percentile(image.reshape(-1, 2), (1, 99.8), axis=0).T
    np.testing.assert_allclose(scaling.limits, expected)
    with pytest.raises(ValueError, match="2 channels"):
        scaling(image[..., :1])


def test_a_collection_has_the_limits_of_all():
    images = [camera(low=0, high=100), camera(low=1000, high=1100)]
    low, high = uk.Scaling().fit(images).limits[0]
    expected = np.percentile(np.concatenate([image.ravel() for image in images]), (1, 99.8))
    np.testing.assert_allclose((low, high), expected)
    with pytest.raises(ValueError, match="same number of channels"):
        uk.Scaling().fit([images[0], np.dstack([images[1]] * 2)])


def test_limits_of_the_type_and_given_ones():
    image = camera()
    assert uk.Scaling("dtype").fit(image).limits == [(0.0, 65535.0)]
    assert uk.Scaling("dtype").fit(image.astype("int8")).limits == [(-128.0, 127.0)]
    scaled = uk.Scaling((100, 500))(np.array([0, 100, 300, 900]))
    np.testing.assert_array_equal(scaled, np.float32([0, 0, 0.5, 1]))
    with pytest.raises(ValueError, match="integers"):
        uk.Scaling("dtype").fit(image.astype("float32"))


def test_pixels_without_data_do_not_count():
    image = camera(dtype="float32")
    holes = image.copy()
    holes[:20] = np.nan
    holes[20:25] = np.inf
    limits = uk.Scaling().fit(holes).limits[0]
    np.testing.assert_allclose(limits, np.percentile(image[25:].astype("float64"), (1, 99.8)))
    assert np.isnan(uk.Scaling().fit(holes)(holes)[0, 0])
    with pytest.raises(ValueError, match="pixels with data"):
        uk.Scaling().fit(np.full((4, 5), np.nan))


def test_a_constant_image_is_scaled_to_zero():
    scaled = uk.Scaling().fit(np.full((4, 5), 700, "uint16"))(np.full((4, 5), 700, "uint16"))
    np.testing.assert_array_equal(scaled, 0)


def test_large_images_are_sampled():
    class Counting:
        shape, dtype, read = (20000, 20000), np.dtype("uint16"), 0

        def __getitem__(self, index):
            sizes = [len(range(*part.indices(20000))) for part in index]
            Counting.read += np.prod(sizes)
            rows, cols = np.ogrid[index]
            return (rows // 100 + cols // 100 + 0 * rows * cols).astype("uint16")

    low, high = uk.Scaling().fit(uk.Image(Counting(), "yx")).limits[0]
    assert Counting.read <= 256 * 128**2
    # The sum of two uniform numbers of 0..200.
    assert low == pytest.approx(400 * np.sqrt(0.005), abs=8)
    assert high == pytest.approx(400 - 400 * np.sqrt(0.001), abs=8)


def test_stacks_are_sampled_over_all_planes():
    stack = np.stack([np.full((5, 6), plane) for plane in range(200)])
    values = sample(uk.Image(stack, "zyx"))
    assert values.min() == 0
    assert values.max() == 199


def test_configuration_and_errors():
    for scaling in (uk.Scaling(), uk.Scaling("dtype"), uk.Scaling([(0, 1), (2, 3.5)])):
        config = json.loads(json.dumps(scaling.get_config()))
        assert uk.Scaling.from_config(config) == scaling
    for limits in ("none", (1, 1), (2, 1), (0, np.nan), [(0, 1, 2)]):
        with pytest.raises(ValueError, match="`limits`"):
            uk.Scaling(limits)
    with pytest.raises(ValueError, match="`percentiles`"):
        uk.Scaling(percentiles=(50, 20))
    with pytest.raises(ValueError, match="call `fit`"):
        uk.Scaling()(np.zeros(3))
