"""Features that are enlarged guided by the image."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.ndimage import gaussian_filter

import umbed_keras as uk

numpy = ops.convert_to_numpy


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


def make_model(guided=True, seed=0, **options):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [keras.Input((None, None, 3)), keras.layers.Conv2D(6, 8, 8, activation="tanh")]
    )
    backbone = uk.layers.ModelBackbone(network, reach=0)
    options = {"features_only": True, "hidden_units": (4,), "feature_components": 6, **options}
    model = uk.PixelEmbedder(4, 4, 1, backbone=backbone, guided_features=guided, **options)
    # As `adapt` does in more time: before, the vectors do not depend on the features.
    for number, weight in enumerate((model.features.analysis, model.features.kernel)):
        weight.assign(noise(*weight.shape, seed=number) - 0.5)
    return model


@pytest.mark.torch_alone
def test_vectors_are_those_of_the_filter():
    image = noise(1, 40, 72, 3)
    plain = make_model(guided=False).embed(image)
    guide = gaussian_filter(image, (0, 1.5, 1.5, 0), mode="mirror", radius=6)
    expected = numpy(uk.ops.guided_filter(guide, plain, 16, 3e-4))
    actual = make_model().embed(image)
    bound = 1e-4 * np.ptp(expected)  # slopes are quotients by as little as 3e-4
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)
    assert np.abs(actual - plain).max() > 100 * bound


def test_a_window_equals_the_whole(monkeypatch):
    model = make_model()
    assert (model.stride, model.radius) == (8, 48)  # two radii of 16, two positions of 8
    image = noise(1, 21, 187, 3)
    whole = model.embed(image)[0, :, 80:104]
    bound = 1e-5 * np.ptp(whole)
    window = slice(0, 21), slice(80, 104)
    np.testing.assert_allclose(model.embed_window(image[0], *window), whole, rtol=0, atol=bound)
    # This shows that it can fail.
    monkeypatch.setattr(type(model), "radius", 16)
    assert np.abs(model.embed_window(image[0], *window) - whole).max() > 100 * bound


@pytest.mark.torch_alone
@pytest.mark.parametrize("options", [{}, {"features_only": False, "widths": (4, 4)}], ids=str)
def test_tiles_equal_the_whole(options):
    model = make_model(**options)
    image = noise(1, 67, 230, 3)
    whole = model.embed(image)
    tiles = model.embed(image, tile_size=24)
    np.testing.assert_allclose(tiles, whole, rtol=0, atol=1e-5 * np.ptp(whole))


@pytest.mark.torch_alone
def test_it_is_kept_and_asked_for_by_one_argument(tmp_path):
    image = noise(1, 9, 14, 3)
    model, plain = make_model(), make_model(guided=False)
    assert "guided_features" not in plain.get_config()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.embed(image), model.embed(image))
    plain.save(tmp_path / "plain.keras")
    asked = uk.PixelEmbedder.from_preset(tmp_path / "plain.keras", guided_features=True)
    np.testing.assert_array_equal(asked.embed(image), model.embed(image))


@pytest.mark.torch_alone
def test_it_needs_a_backbone():
    with pytest.raises(ValueError, match="`guided_features=True` needs a `backbone`"):
        uk.PixelEmbedder(guided_features=True)


@pytest.mark.torch_alone
def test_classifiers_know_it(tmp_path):
    pytest.importorskip("sklearn")
    image, labels = noise(24, 24, 3), np.zeros((24, 24), int)
    labels[2:9, 3], labels[2:9, 18] = 1, 2
    preset = "free_lite0_vae_d32"
    guided = uk.PixelEmbedder.from_preset(preset, guided_features=True)
    classifier = uk.segmentation.PixelClassifier(guided).fit(image, labels)
    classifier.save(tmp_path / "classifier.npz")
    with pytest.raises(ValueError, match=r"other weights .* or another `guided_features`"):
        uk.segmentation.PixelClassifier.load(tmp_path / "classifier.npz")
    guided.save_to_preset(tmp_path / "guided")
    loaded = uk.segmentation.PixelClassifier.load(tmp_path / "classifier.npz", tmp_path / "guided")
    np.testing.assert_array_equal(loaded.predict(image), classifier.predict(image))
