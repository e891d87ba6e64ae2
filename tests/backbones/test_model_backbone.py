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


# One of 256 x 512 pixels was once taken by mistake.
@pytest.mark.torch_alone
@pytest.mark.parametrize("size", [(64, 64), (256, 512), (None, 448)], ids=str)
def test_a_model_for_images_of_one_size_is_refused(size):
    model = keras.Sequential([keras.Input((*size, 3)), convolution(4)])
    with pytest.raises(
        ValueError, match=r"any size: .*\(None, None, 3\).*VisionTransformerBackbone"
    ):
        ModelBackbone(model)


@pytest.mark.torch_alone
@pytest.mark.parametrize("make", [ModelBackbone, uk.backbones.VisionTransformerBackbone])
@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("resnet50", "from_name"),
        (keras.applications.ResNet50, "Call ResNet50 with its arguments"),
        (keras.Sequential, "Call Sequential with its arguments"),
        (keras.layers.ReLU(), r"keras\.Sequential\(\["),
        (None, "Received: None"),
    ],
    ids=["string", "function", "class", "layer", "None"],
)
def test_what_is_no_model_is_answered_by_what_to_do(make, model, advice):
    with pytest.raises(TypeError, match=f"`model` must be a `keras.Model`.*{advice}"):
        make(model)


@pytest.mark.torch_alone
def test_patches_of_14_pixels_and_given_strides():
    model = small(convolution(5, 14, 14, "valid"))
    assert ModelBackbone(model).strides == (14,)
    # 448 is no multiple of 12.
    model = small(convolution(5, 12, 12, "valid"))
    with pytest.raises(ValueError, match="pass `strides`"):
        ModelBackbone(model)
    backbone = ModelBackbone(model, strides=[12])
    assert (backbone.strides, backbone.channels) == ((12,), (5,))
    assert tuple(backbone(noise(1, 36, 24, 3))[0].shape) == (1, 3, 2, 5)
    assert ModelBackbone.from_config(backbone.get_config()).strides == (12,)


@pytest.mark.torch_alone
@pytest.mark.parametrize("strides", [(), (4, 2), (2, 3), (2, 4, 8), (0,), (4,)], ids=str)
def test_given_strides_are_checked(strides):
    inputs, *maps = branched()
    with pytest.raises(ValueError, match="strides"):
        ModelBackbone(keras.Model(inputs, maps), strides=strides)


def decoder(channels=3):
    """A map of stride 2, which knows one of stride 8."""
    inputs = keras.Input((None, None, channels))
    fine = convolution(4)(inputs)
    coarse = convolution(4, strides=4)(fine)
    merged = keras.layers.Concatenate()([fine, keras.layers.UpSampling2D(4)(coarse)])
    return keras.Model(inputs, convolution(5, strides=1)(merged))


def test_images_are_reflected_to_multiples(rounding):
    keras.utils.set_random_seed(0)
    model = decoder()
    backbone = ModelBackbone(model, multiple=8)
    images = noise(2, 18, 10, 3)
    padded = np.pad(images, ((0, 0), (0, 6), (0, 6), (0, 0)), "reflect")
    expected = numpy(model(padded))[:, :9, :5]
    (actual,) = backbone(images)
    np.testing.assert_allclose(numpy(actual), expected, atol=rounding(model, expected))
    again = ModelBackbone.from_config(backbone.get_config())
    assert (again.multiple, again.strides, again.alignment) == (8, (2,), 8)


@pytest.mark.torch_alone
def test_tiles_of_a_decoder_equal_the_whole(rounding):
    keras.utils.set_random_seed(0)
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        widths=(8, 8),
        hidden_units=(8,),
        backbone=ModelBackbone(decoder(), multiple=8, reach=32),
        feature_components=4,
    )
    model.adapt(noise(2, 64, 64, 3))
    image = noise(1, 75, 100, 3)
    whole = model.embed(image, tile_size=1024)
    tiles = model.embed(image, tile_size=32)
    np.testing.assert_allclose(tiles, whole, atol=rounding(1000, whole))


@pytest.mark.torch_alone
@pytest.mark.parametrize("multiple", [0, 8.5, "8"])
def test_multiples_are_checked(multiple):
    with pytest.raises(ValueError, match="`multiple` must be"):
        ModelBackbone(small(convolution(4)), multiple=multiple)


def test_the_model_says_how_many_channels_images_have(tmp_path, rounding):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((None, None, 5)), convolution(4)])
    backbone = ModelBackbone(network, preprocessing=([0.1, 0.2, 0.3, 0.4, 0.5], 0.5))
    assert backbone.image_channels == 5
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=2,
        pyramid_levels=1,
        widths=(4, 4),
        hidden_units=(4,),
        channels=5,
        backbone=backbone,
    )
    images = noise(2, 16, 16, 5)
    model.adapt(images)
    values = (images - np.float32([0.1, 0.2, 0.3, 0.4, 0.5])) / np.float32(0.5)
    expected = numpy(network(values))
    np.testing.assert_allclose(numpy(backbone(images)[0]), expected, atol=rounding(45, expected))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))


@pytest.mark.torch_alone
@pytest.mark.parametrize("preprocessing", ["torch", "caffe", (0.5, [0.5, 0.5, 0.5])], ids=str)
def test_values_for_three_channels_are_refused_for_others(preprocessing):
    network = keras.Sequential([keras.Input((None, None, 2)), convolution(4)])
    with pytest.raises(ValueError, match="`preprocessing` must"):
        ModelBackbone(network, preprocessing)


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
    model = keras.Model(inputs, maps)
    assert ModelBackbone(model, shares=[1, 3]).shares == (1, 3)
    shares = ModelBackbone(model, shares=np.array([0.25, 0.75])).get_config()["shares"]
    assert shares == (0.25, 0.75)
    assert [type(share) for share in shares] == [float, float]


@pytest.mark.torch_alone
@pytest.mark.parametrize("make", [ModelBackbone, uk.backbones.VisionTransformerBackbone])
def test_a_string_is_no_list_of_layers(make):
    with pytest.raises(TypeError, match=r"`layers` must be a list of names, such as \['maps'\]"):
        make(small(convolution(4, name="maps")), layers="maps")


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
