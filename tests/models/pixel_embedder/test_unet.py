import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.models.pixel_embedder.unet import UNet

UNITS = 3
numpy = ops.convert_to_numpy
each_depth = pytest.mark.parametrize("widths", [(4,), (4, 6, 8)], ids=str)


def images(height, width):
    rng = np.random.default_rng(0)
    return rng.random((1, height, width, 3)).astype("float32")


def random_unet(widths, dtype="float32"):
    """Returns a U-Net with random weights, none of which blocks signals."""
    unet = UNet(UNITS, widths, dtype=dtype)
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


@pytest.mark.torch_alone
@each_depth
def test_vectors_do_not_depend_on_pixels_beyond_the_radius(float64, rounding, widths):
    # In float64, rounding is far smaller than the effect of any pixel within reach.
    unet = random_unet(widths, "float64")
    stride, radius = unet.stride, unet.radius
    size = 2 * radius + 4 * stride
    image = images(size, size).astype("float64")
    # One pixel changes in each image, at every position in a block, since the reach differs.
    positions = size // 2 + np.arange(stride)
    changed = np.repeat(image, stride, axis=0)
    changed[np.arange(stride), positions, positions[::-1]] += 1
    outputs = numpy(unet(image))
    change = np.abs(numpy(unet(changed)) - outputs).max(axis=-1)
    nothing = rounding(unet, outputs, "float64")
    rows, cols = np.mgrid[:size, :size]
    for difference, row, col in zip(change, positions, positions[::-1], strict=True):
        distance = np.maximum(abs(rows - row), abs(cols - col))
        assert difference[distance > radius].max() <= nothing
        assert difference[distance == 0] > 1e-4 * np.ptp(outputs)
        # And it does look around: to half its radius at least.
        assert difference[distance >= radius // 2].max() > 1e3 * nothing


@each_depth
def test_tile_equals_whole(widths, rounding):
    unet = random_unet(widths)
    stride, radius = unet.stride, unet.radius
    size = 2 * radius + 4 * stride
    image = images(size, size)
    whole = numpy(unet(image))
    tile = numpy(unet(image[:, 2 * stride :, 3 * stride :]))
    np.testing.assert_allclose(
        tile[:, radius:, radius:],
        whole[:, 2 * stride + radius :, 3 * stride + radius :],
        atol=rounding(unet, whole),
    )


def test_smallest_image():
    unet = random_unet((4, 6))
    outputs = numpy(unet(images(unet.stride, unet.stride)))
    assert outputs.shape == (1, unet.stride, unet.stride, UNITS)
    assert np.isfinite(outputs).all()


def test_size_may_vary_in_a_graph(rounding):
    unet = random_unet((4, 6))
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, unet(inputs))
    assert model.output.shape == (None, None, None, UNITS)
    for size in ((4, 4), (8, 8)):
        expected = numpy(unet(images(*size)))
        actual = model.predict(images(*size), verbose=0)
        np.testing.assert_allclose(actual, expected, atol=rounding(unet, expected))


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
def test_chosen_pixels_are_those_of_the_whole(widths, rounding):
    unet = random_unet(widths)
    image = np.concatenate([images(24, 32), images(24, 32)[:, ::-1]])
    whole = numpy(unet(image))
    rows, cols = np.random.default_rng(1).integers(24, size=(2, 2, 50)).astype("int32")
    chosen = numpy(unet.at_pixels(*map(ops.convert_to_tensor, (image, rows, cols))))
    tolerance = rounding(unet, whole)
    np.testing.assert_allclose(chosen, whole[[[0], [1]], rows, cols], atol=tolerance)


def test_fewer_units_are_the_first_ones(rounding):
    unet = random_unet((4, 6))
    image = images(16, 24)
    expected = numpy(unet(image))[..., :2]
    actual = numpy(unet(image, units=2))
    np.testing.assert_allclose(actual, expected, atol=rounding(unet.head, expected))
