"""Backbones that see an image and its reduced copies."""

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk

numpy = ops.convert_to_numpy
# Seven positions of 4 pixels; to the right one more position of the first convolution, 2 pixels
# further, which reaches one pixel more.
REACH = 7 * 4 + 2 + 1


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def convolutions():
    """A network with maps of strides 2 and 4."""
    inputs = keras.Input((None, None, 3))
    fine = keras.layers.Conv2D(5, 3, 2, "same", activation="tanh")(inputs)
    coarse = keras.layers.Conv2D(6, 1, 2)(fine)
    coarse = keras.layers.Conv2D(6, 3, 1, "same", dilation_rate=7, activation="tanh")(coarse)
    return uk.layers.ModelBackbone(keras.Model(inputs, [fine, coarse]), reach=REACH)


def transformer():
    """A block of global attention over patches of 8 pixels, in windows of 32."""
    images = keras.Input((32, 32, 3))
    tokens = keras.layers.Reshape((16, 6))(keras.layers.Conv2D(6, 8, 8)(images))
    tokens = keras.layers.Add()([tokens, keras.layers.MultiHeadAttention(1, 6)(tokens, tokens)])
    return uk.layers.VisionTransformerBackbone(keras.Model(images, tokens))


def embedder(backbone):
    model = uk.PixelEmbedder(
        4, 4, 1, hidden_units=(4,), backbone=backbone, feature_components=8, features_only=True
    )
    # As `adapt` does in more time: before, the vectors do not depend on the features.
    for seed, weight in enumerate((model.features.analysis, model.features.kernel)):
        weight.assign(noise(*weight.shape, seed=seed) - 0.5)
    return model


def test_maps_are_those_of_box_means(rounding):
    keras.utils.set_random_seed(0)
    backbone = convolutions()
    scales = uk.layers.MultiScaleBackbone(backbone, (1, 0.5, 0.25))
    assert scales.strides == (2, 4, 4, 8, 8, 16)
    assert scales.channels == (5, 6, 5, 6, 5, 6)
    assert scales.shares == pytest.approx([1 / 6] * 6)
    assert (scales.reach, scales.alignment, scales.floats_per_pixel) == (4 * REACH, 4, 168)
    images = noise(2, 32, 48, 3)
    maps = scales(images)
    assert [tuple(part.shape) for part in maps] == scales.compute_output_shape(images.shape)
    reduced = images.astype("float64").reshape(2, 8, 4, 12, 4, 3).mean(axis=(2, 4))
    for part, expected in zip(maps[4:], backbone(reduced.astype("float32")), strict=True):
        expected = numpy(expected)
        np.testing.assert_allclose(numpy(part), expected, atol=rounding(3 * 9, expected))


@pytest.mark.parametrize("make", [convolutions, transformer])
def test_a_window_equals_the_whole(make, monkeypatch):
    keras.utils.set_random_seed(0)
    model = embedder(uk.layers.MultiScaleBackbone(make()))
    image = noise(1, 13, 225, 3)
    whole = model.embed(image)[0, :, 96:128]
    bound = 1e-5 * np.ptp(whole)
    window = slice(0, 13), slice(96, 128)
    np.testing.assert_allclose(model.embed_window(image[0], *window), whole, rtol=0, atol=bound)
    # This shows that it can fail.
    monkeypatch.setattr(type(model), "radius", model.stride)
    assert np.abs(model.embed_window(image[0], *window) - whole).max() > 100 * bound


@pytest.mark.torch_alone
@pytest.mark.parametrize("make", [convolutions, transformer])
def test_tiles_equal_the_whole(make):
    keras.utils.set_random_seed(0)
    model = embedder(uk.layers.MultiScaleBackbone(make(), (0.25, 1)))
    image = noise(1, 41, 297, 3)
    whole = model.embed(image, tile_size=1024)
    bound = 1e-5 * np.ptp(whole)
    np.testing.assert_allclose(model.embed(image, tile_size=64), whole, rtol=0, atol=bound)


def test_an_unknown_reach_stays_unknown():
    backbone = convolutions()
    backbone.reach = None
    assert uk.layers.MultiScaleBackbone(backbone).reach is None


@pytest.mark.torch_alone
def test_a_model_is_fitted_and_saved(tmp_path):
    model = embedder(uk.layers.MultiScaleBackbone(convolutions()))
    before = [numpy(weight).copy() for weight in model.backbone.weights]
    model.compile("adam")
    model.fit(noise(1, 16, 16, 3), pixels_per_image=8, verbose=0)
    for weight, value in zip(model.backbone.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), value)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    image = noise(1, 9, 14, 3)
    np.testing.assert_array_equal(loaded.embed(image), model.embed(image))


@pytest.mark.torch_alone
def test_a_preset_holds_it_if_it_may_hold_the_inner_backbone(tmp_path):
    model = embedder(uk.layers.MultiScaleBackbone(uk.layers.EfficientNetLite0(), [1, 0.5]))
    image = noise(1, 9, 14, 3)
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded.embed(image), model.embed(image))
    mixed = uk.PixelEmbedder.from_preset(tmp_path / "preset", dtype="mixed_bfloat16")
    assert mixed.backbone.compute_dtype == mixed.backbone.backbone.compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backbone": "EfficientNetLite0"}, TypeError, "Backbone.*'EfficientNetLite0'"),
        ({"scales": ()}, ValueError, "`scales` must be one or more of 1, 1/2"),
        ({"scales": (1, 0.7)}, ValueError, r"`scales`.*\(1, 0.7\)"),
        ({"scales": (2, 1)}, ValueError, "`scales`"),
        ({"scales": (1, 1.0)}, ValueError, "`scales`.*each once"),
        ({"scales": (1, float("nan"))}, ValueError, "`scales`"),
        ({"scales": "half"}, ValueError, "`scales`"),
    ],
    ids=str,
)
@pytest.mark.torch_alone
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        uk.layers.MultiScaleBackbone(**{"backbone": uk.layers.EfficientNetLite0(), **arguments})


@pytest.mark.torch_alone
def test_scales_of_scales_are_refused():
    backbone = uk.layers.MultiScaleBackbone(uk.layers.EfficientNetLite0(), (0.5,))
    with pytest.raises(ValueError, match="must have one scale"):
        uk.layers.MultiScaleBackbone(backbone)


@pytest.mark.torch_alone
def test_scales_of_numpy_are_taken():
    inner = uk.layers.EfficientNetLite0()
    backbone = uk.layers.MultiScaleBackbone(inner, np.array([1, 0.5]))
    assert backbone.scales == uk.layers.MultiScaleBackbone(inner, [1, np.float32(0.5)]).scales
    assert [type(scale) for scale in backbone.get_config()["scales"]] == [float, float]
