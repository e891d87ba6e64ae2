"""Backbones from names: networks of keras.applications with random weights."""

import sys

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.backbones.applications import (
    application_preprocessing,
    network_names,
    preprocess_input,
)
from umbed_keras.backbones.preprocessing import preprocessed

numpy = ops.convert_to_numpy
MOBILE_NET = "keras.applications:MobileNetV2"
# The first network of each family that takes images of any size and pads them by whole strides.
LAYERS = {
    # Its sums are no layers.
    "ConvNeXtTiny": [f"convnext_tiny_downsampling_block_{number}.input" for number in (0, 1, 2)],
    "DenseNet121": ["conv2_block6_concat", "conv3_block12_concat", "conv4_block24_concat"],
    "EfficientNetB0": ["block2b_add", "block3b_add", "block5c_add"],
    # Some of its layers have no names of their own.
    "MobileNetV3Small": [
        "expanded_conv_1_depthwise_pad.input",
        "expanded_conv_2_add",
        "expanded_conv_7_add",
    ],
    "MobileNet": ["conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu"],
    "ResNet50": ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out"],
    "VGG16": ["block3_conv3", "block4_conv3", "block5_conv3"],
}


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


@pytest.mark.torch_alone
@pytest.mark.parametrize("name", network_names())
def test_preprocessing_is_that_of_the_family(name, rounding):
    images = noise(2, 4, 6, 3)
    expected = preprocess_input(name)(255 * images, data_format="channels_last")
    actual = numpy(preprocessed(ops.convert_to_tensor(images), application_preprocessing(name)))
    np.testing.assert_allclose(actual, expected, atol=rounding(4, 255))


def test_every_map_is_the_networks_own(rounding):
    keras.utils.set_random_seed(0)
    backbone = uk.backbones.from_name(MOBILE_NET, weights=None, alpha=0.35)
    assert type(backbone) is uk.backbones.ModelBackbone
    assert backbone.layers == ["block_2_add", "block_5_add", "block_12_add"]
    assert backbone.strides == (4, 8, 16)
    assert backbone.shares == pytest.approx((1 / 6, 1 / 6, 2 / 3))
    images = noise(2, 32, 64, 3)
    network = backbone.model
    outputs = [network.get_layer(name).output for name in backbone.layers]
    values = keras.applications.mobilenet_v2.preprocess_input(255 * images)
    expected = keras.Model(network.input, outputs)(values, training=False)
    for part, other in zip(backbone(images), expected, strict=True):
        other = numpy(other)
        np.testing.assert_allclose(numpy(part), other, atol=rounding(network, other))


@pytest.mark.torch_alone
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_the_last_blocks_of_strides_4_8_and_16(name):
    backbone = uk.backbones.from_name(f"keras.applications:{name}", weights=None)
    assert backbone.strides == (4, 8, 16)
    assert backbone.layers == LAYERS[name]


@pytest.mark.torch_alone
def test_what_is_given_is_taken():
    backbone = uk.backbones.from_name(
        MOBILE_NET,
        layers=["block_1_expand_relu", "block_3_expand_relu"],
        weights=None,
        preprocessing=(0.5, 0.25),
        shares=[1, 3],
        alpha=0.35,
    )
    assert (backbone.strides, backbone.channels) == ((2, 4), (48, 48))
    assert (backbone.preprocessing, backbone.shares) == ((0.5, 0.25), (1, 3))


@pytest.mark.torch_alone
def test_weights_of_a_file(tmp_path):
    keras.utils.set_random_seed(0)
    options = {"alpha": 0.35, "layers": ["Conv1_relu"]}
    trained = uk.backbones.from_name(MOBILE_NET, weights=None, **options)
    file = tmp_path / "mine.weights.h5"
    trained.model.save_weights(file)
    loaded = uk.backbones.from_name(MOBILE_NET, weights=str(file), **options)
    images = noise(1, 16, 16, 3)
    np.testing.assert_array_equal(numpy(loaded(images)[0]), numpy(trained(images)[0]))


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("keras.applications:MobilNetV2", r"no network .* 'MobilNetV2'.*first: MobileNetV2"),
        ("keras.applications:", "ConvNeXtBase"),
        ("timm:resnet50", r"must begin with one of \['keras.applications:', 'keras_hub:'\]"),
        ("EfficientNetB0", "must begin with one of"),
        ("keras.applications:InceptionV3", r"`layers`.*Tried: .*mixed10 "),
    ],
)
def test_what_does_not_exist_is_answered_by_what_does(name, message):
    with pytest.raises(ValueError, match=message):
        uk.backbones.from_name(name, weights=None)


@pytest.mark.torch_alone
def test_a_network_is_no_name():
    with pytest.raises(TypeError, match=r"must be a string.*ModelBackbone"):
        uk.backbones.from_name(keras.applications.MobileNetV2)


@pytest.mark.torch_alone
def test_a_missing_keras_hub_is_named_by_the_pip_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(ImportError, match=r'`pip install "umbed_keras\[keras-hub\]"`'):
        uk.backbones.from_name("keras_hub:dinov2_small")


@pytest.mark.torch_alone
def test_without_the_rescaling_inside_the_values_must_be_given():
    name, options = "keras.applications:MobileNetV3Small", {"include_preprocessing": False}
    with pytest.raises(ValueError, match="give `preprocessing`"):
        uk.backbones.from_name(name, weights=None, **options)
    backbone = uk.backbones.from_name(name, weights=None, preprocessing="tf", **options)
    assert backbone.preprocessing == "tf"


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "block_2_add"}, r"`layers` must be a list of names.*\['block_2_add'\]"),
        ({"include_top": True}, "`include_top` .*without their classifier"),
        ({"input_shape": (64, 64, 3)}, "`input_shape` .*give `image_shape`"),
    ],
    ids=str,
)
def test_arguments_that_are_set_otherwise(options, message):
    with pytest.raises(TypeError, match=message):
        uk.backbones.from_name(MOBILE_NET, weights=None, **{"alpha": 0.35, **options})
