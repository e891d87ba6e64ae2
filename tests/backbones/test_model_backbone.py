"""Models of Keras as backbones: one of keras.applications, and small ones."""

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.backbones.model_backbone import ModelBackbone

LAYERS = ("block_1_expand_relu", "block_3_expand_relu")
numpy = ops.convert_to_numpy


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


@pytest.fixture(scope="module")
def network():
    """The beginning of a MobileNetV2 whose batch statistics aren't those of any batch."""
    keras.utils.set_random_seed(0)
    network = keras.applications.MobileNetV2(
        input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
    )
    network = keras.Model(network.input, [network.get_layer(name).output for name in LAYERS])
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(0.1 * noise(*layer.moving_mean.shape))
            layer.moving_variance.assign(0.5 + noise(*layer.moving_variance.shape))
    return network


@pytest.fixture(scope="module")
def embedder(network):
    return uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        widths=(8, 8),
        hidden_units=(8,),
        backbone=ModelBackbone(network, preprocessing="tf"),
        feature_components=6,
    )


def small(*layers):
    return keras.Sequential([keras.Input((None, None, 3)), *layers])


def convolution(filters, size=3, strides=2, padding="same", **kwargs):
    return keras.layers.Conv2D(filters, size, strides, padding, **kwargs)


def branched():
    """Maps of strides 2 and 4 of one convolution each, and their input."""
    inputs = keras.Input((None, None, 3))
    fine = convolution(4)(inputs)
    return inputs, fine, convolution(5)(fine)


@pytest.mark.torch_alone
def test_strides_and_channels_are_the_models(network):
    backbone = ModelBackbone(network, preprocessing="tf")
    assert backbone.strides == (2, 4)
    assert backbone.channels == tuple(network.get_layer(name).output.shape[-1] for name in LAYERS)
    assert backbone.shares == (0.5, 0.5)
    assert backbone.reach is None
    spec = backbone.compute_output_spec(keras.KerasTensor((2, 32, None, 3)))
    assert [part.shape for part in spec] == [
        (2, 32 // stride, None, channels)
        for stride, channels in zip(backbone.strides, backbone.channels, strict=True)
    ]


def test_one_map(rounding):
    model = small(convolution(5, strides=4))
    backbone = ModelBackbone(model)
    assert (backbone.strides, backbone.channels, backbone.shares) == ((4,), (5,), (1.0,))
    images = noise(2, 8, 12, 3)
    (actual,) = backbone(images)
    expected = numpy(model(images))
    np.testing.assert_allclose(numpy(actual), expected, atol=rounding(model.layers[0], expected))


@pytest.mark.parametrize(
    ("preprocessing", "expected"),
    [
        ("unit", lambda images: images / 255),
        ("byte", keras.applications.efficientnet.preprocess_input),
        ("tf", keras.applications.mobilenet_v2.preprocess_input),
        ("torch", keras.applications.densenet.preprocess_input),
        ("caffe", keras.applications.resnet.preprocess_input),
    ],
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing_is_that_of_applications(preprocessing, expected, data_format, rounding):
    backbone = ModelBackbone(small(keras.layers.Identity()), preprocessing)
    images = noise(2, 4, 6, 3)
    expected = expected(255.0 * images)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(data_format)
    try:
        (actual,) = backbone(images)
    finally:
        keras.config.set_image_data_format(before)
    np.testing.assert_allclose(numpy(actual), expected, atol=rounding(4, 255))


def unordered():
    inputs, fine, coarse = branched()
    return keras.Model(inputs, [coarse, fine])


REFUSED = {
    "valid padding": lambda: small(convolution(4, padding="valid")),
    "coarse first": unordered,
    "global pooling": lambda: small(convolution(4), keras.layers.GlobalAveragePooling2D()),
    "one position whatever the image": lambda: small(
        keras.layers.GlobalAveragePooling2D(keepdims=True)
    ),
    "larger than the image": lambda: small(keras.layers.UpSampling2D(2)),
    "another stride across": lambda: small(convolution(4, strides=(2, 4))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_models_without_whole_strides_are_refused(case):
    with pytest.raises(ValueError, match="`model` must give maps of whole strides"):
        ModelBackbone(REFUSED[case]())


def test_a_model_for_images_of_one_size_is_refused():
    model = keras.Sequential([keras.Input((64, 64, 3)), convolution(4)])
    with pytest.raises(ValueError, match="expected shape"):
        ModelBackbone(model)


@pytest.mark.parametrize("preprocessing", ["imagenet", None])
def test_an_unknown_preprocessing_is_refused(preprocessing):
    with pytest.raises(ValueError, match="`preprocessing` must be one of"):
        ModelBackbone(small(convolution(4)), preprocessing)


@pytest.mark.parametrize(
    "shares",
    [(1.0,), (0.5, 0.25, 0.25), (-0.5, 1.5), (0.0, 0.0), (1.0, np.nan), (1.0, np.inf)],
    ids=str,
)
def test_shares_are_checked(shares):
    inputs, *maps = branched()
    with pytest.raises(ValueError, match="`shares` must"):
        ModelBackbone(keras.Model(inputs, maps), shares=shares)


def test_shares_are_kept():
    inputs, *maps = branched()
    assert ModelBackbone(keras.Model(inputs, maps), shares=[1, 3]).shares == (1, 3)


def test_saved_and_loaded_within_an_embedder(embedder, tmp_path):
    images = noise(1, 16, 24, 3)
    embedder.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.embed(images), embedder.embed(images))
    for actual, expected in zip(loaded.backbone(images), embedder.backbone(images), strict=True):
        np.testing.assert_array_equal(numpy(actual), numpy(expected))
    assert not loaded.backbone.trainable_weights


@pytest.mark.torch_alone
def test_training_leaves_it_alone(embedder):
    before = [numpy(weight).copy() for weight in embedder.backbone.weights]
    outside = numpy(embedder.features.kernel).copy()
    embedder.trainable = True
    assert not embedder.backbone.trainable_weights
    # Decays all that counts as trainable.
    embedder.compile(keras.optimizers.AdamW(0.1, weight_decay=0.5))
    embedder.fit(noise(4, 16, 24, 3), batch_size=2, pixels_per_image=8, verbose=0)
    for weight, value in zip(embedder.backbone.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)
    assert (numpy(embedder.features.kernel) != outside).any()


def test_features_are_those_of_inference(network, rounding):
    images = noise(2, 16, 24, 3)
    actual = ModelBackbone(network, preprocessing="tf")(images, training=True)
    expected = network(2 * images - 1, training=False)
    for part, other in zip(actual, expected, strict=True):
        other = numpy(other)
        np.testing.assert_allclose(numpy(part), other, atol=rounding(network, other))
