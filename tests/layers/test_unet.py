import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.layers import UNet

UNITS = 3
numpy = ops.convert_to_numpy
each_depth = pytest.mark.parametrize("widths", [(4,), (4, 6, 8)], ids=str)


def images(height, width):
    rng = np.random.default_rng(0)
    return rng.random((1, height, width, 3)).astype("float32")


def random_unet(widths):
    """A U-Net whose every weight is random and lets signals through."""
    unet = UNet(UNITS, widths)
    unet.build((None, None, None, 3))
    rng = np.random.default_rng(0)
    for weight in unet.weights:
        fan_in = np.prod(weight.shape[:-1])
        scale = 0.1 if len(weight.shape) == 1 else np.sqrt(2 / fan_in)
        weight.assign(scale * rng.normal(size=weight.shape))
    return unet


def test_starts_at_zero():
    outputs = numpy(UNet(UNITS, (4, 6))(images(8, 8)))
    np.testing.assert_array_equal(outputs, np.zeros((1, 8, 8, UNITS)))


@each_depth
def test_stride_is_a_power_of_the_depth(widths):
    assert UNet(UNITS, widths).stride == 2 ** len(widths)
    assert UNet(UNITS, widths).radius % UNet(UNITS, widths).stride == 0


@each_depth
def test_pixels_beyond_the_radius_have_no_say(widths):
    unet = random_unet(widths)
    stride, radius = unet.stride, unet.radius
    size = 2 * radius + 4 * stride
    image = images(size, size)
    # One pixel changes in each image: at every place in a block, where reach differs.
    places = size // 2 + np.arange(stride)
    changed = np.repeat(image, stride, axis=0)
    changed[np.arange(stride), places, places[::-1]] += 1
    change = np.abs(numpy(unet(changed)) - numpy(unet(image))).max(axis=-1)
    rows, cols = np.mgrid[:size, :size]
    for difference, row, col in zip(change, places, places[::-1], strict=True):
        distance = np.maximum(abs(rows - row), abs(cols - col))
        assert difference[distance > radius].max() <= 1e-6
        assert difference[distance == 0] > 1e-4
        # And it does look around: to half its radius at least.
        assert difference[distance >= radius // 2].max() > 1e-6


@each_depth
def test_tile_equals_whole(widths):
    unet = random_unet(widths)
    stride, radius = unet.stride, unet.radius
    size = 2 * radius + 4 * stride
    image = images(size, size)
    whole = numpy(unet(image))
    tile = numpy(unet(image[:, 2 * stride :, 3 * stride :]))
    np.testing.assert_allclose(
        tile[:, radius:, radius:],
        whole[:, 2 * stride + radius :, 3 * stride + radius :],
        atol=1e-5,
    )


def test_smallest_image():
    unet = random_unet((4, 6))
    outputs = numpy(unet(images(unet.stride, unet.stride)))
    assert outputs.shape == (1, unet.stride, unet.stride, UNITS)
    assert np.isfinite(outputs).all()


def test_size_may_vary_in_a_graph():
    unet = random_unet((4, 6))
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, unet(inputs))
    assert model.output.shape == (None, None, None, UNITS)
    for size in ((4, 4), (8, 8)):
        expected = numpy(unet(images(*size)))
        np.testing.assert_allclose(
            model.predict(images(*size), verbose=0), expected, rtol=1e-5, atol=1e-5
        )


def test_half_precision():
    outputs = UNet(UNITS, (4, 6), dtype="mixed_bfloat16")(keras.KerasTensor((1, 8, 8, 3)))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"


def test_config_round_trip():
    unet = random_unet((4, 6))
    copy = UNet.from_config(unet.get_config())
    assert copy.get_config() == unet.get_config()
    copy.build((None, None, None, 3))
    copy.set_weights(unet.get_weights())
    np.testing.assert_array_equal(numpy(copy(images(8, 8))), numpy(unet(images(8, 8))))


@each_depth
def test_chosen_pixels_are_those_of_the_whole(widths):
    unet = random_unet(widths)
    image = np.concatenate([images(24, 32), images(24, 32)[:, ::-1]])
    whole = numpy(unet(image))
    rows, cols = np.random.default_rng(1).integers(24, size=(2, 2, 50)).astype("int32")
    chosen = numpy(unet.at_pixels(*map(ops.convert_to_tensor, (image, rows, cols))))
    np.testing.assert_allclose(chosen, whole[[[0], [1]], rows, cols], atol=1e-5)


def test_fewer_units_are_the_first_ones():
    unet = random_unet((4, 6))
    image = images(16, 24)
    np.testing.assert_allclose(numpy(unet(image, units=2)), numpy(unet(image))[..., :2], atol=1e-6)
