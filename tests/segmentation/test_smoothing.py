"""Filters of probabilities, and the guide that they follow."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import umbed_keras as uk
from umbed_keras.segmentation import GuidedSmoothing, PixelClassifier
from umbed_keras.segmentation.guide import Guide
from umbed_keras.segmentation.smoothing import as_smoothing


@pytest.fixture(scope="module")
def disc():
    """A noisy disc of another brightness, its mask, and a few strokes inside and outside."""
    random = np.random.default_rng(0)
    rows, cols = np.mgrid[:64, :72]
    mask = np.hypot(rows - 30, cols - 35) < 18
    image = 90 + 60 * mask + random.normal(0, 12, mask.shape)
    labels = np.zeros(mask.shape, int)
    labels[28:32, 30:40], labels[5, 5:20] = 2, 1
    return np.clip(image, 0, 255).astype("uint8"), mask, labels


def test_borders_follow_the_edges_of_the_image(disc):
    image, mask, _ = disc
    noise = np.random.default_rng(1).normal(0, 0.4, mask.shape)
    second = np.clip(np.where(mask, 0.7, 0.3) + noise, 0, 1)
    probabilities = np.stack([1 - second, second], axis=-1).astype("float32")
    guide = np.repeat(image[..., None] / np.float32(255), 3, axis=-1)
    errors = [
        (smoothing(probabilities, guide, np.ones_like(mask)).argmax(-1) != mask).mean()
        for smoothing in (as_smoothing("guided", side=64), as_smoothing(1.5))
    ]
    assert errors[0] < min(0.03, errors[1] / 2)


def test_guided_probabilities_are_the_filter_of_the_blurred_guide(embedder, disc):
    image, _, labels = disc
    options = {"radius": 5, "epsilon": 1e-3, "blur": 1.0}
    classifier = PixelClassifier(embedder, smoothing=GuidedSmoothing(**options))
    probabilities = classifier.fit(image, labels).predict_proba(image)
    raw = classifier.classifier_.predict_proba(classifier.features(image).reshape(-1, 7))
    guide = gaussian_filter(np.repeat(image[..., None] / 255, 3, axis=-1), (1, 1, 0))
    expected = uk.ops.guided_filter(guide, raw.reshape(64, 72, 2), 5, 1e-3)
    expected = np.clip(np.asarray(expected), 0, 1)
    expected /= expected.sum(axis=-1, keepdims=True)
    # A division by the variance of one channel, or equations of its three copies in float32.
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)


def test_windows_give_what_the_whole_gives(embedder, disc, monkeypatch):
    image, _, labels = (np.tile(part, (3, 2)) for part in disc)
    classifier = PixelClassifier(embedder, smoothing=GuidedSmoothing(radius=6)).fit(image, labels)
    whole = classifier.predict_proba(image)
    window = classifier.window_classifier(uk.Image(image))
    part = window({"y": slice(64, 128), "x": slice(32, 96)})
    np.testing.assert_allclose(part, whole[64:128, 32:96], atol=1e-5)
    assert (classifier.predict_large(image, verbose=0) != whole.argmax(-1) + 1).mean() < 1e-3


def test_many_channels_are_guided_by_their_principal_components():
    random = np.random.default_rng(0)
    pixels = random.normal(size=(200, 5)) * [1, 5, 0.1, 3, 2]
    guide = Guide(pixels)(pixels[:6].reshape(2, 3, 5).astype("float32"))
    directions = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)[2][:3]
    expected = np.sqrt(3 / 5) * pixels[:6] @ directions.T
    flipped = np.abs(guide.reshape(6, 3))  # the sign of a component has no meaning
    np.testing.assert_allclose(flipped, np.abs(expected), atol=1e-5)


def test_smoothing_is_saved(embedder, disc, tmp_path):
    image, _, labels = disc
    for smoothing in ("guided", 0, GuidedSmoothing(radius=np.int64(4), epsilon=1e-3)):
        saved = PixelClassifier(embedder, smoothing=smoothing).fit(image, labels)
        saved.save(tmp_path / "mine.npz")
        loaded = PixelClassifier.load(tmp_path / "mine.npz", embedder)
        assert loaded.smoothing == smoothing
        np.testing.assert_array_equal(loaded.predict(image), saved.predict(image))


@pytest.mark.parametrize("smoothing", ["gaussian", None, (1, 2), [16]])
def test_other_filters_are_refused(embedder, disc, smoothing):
    image, _, labels = disc
    with pytest.raises(TypeError, match='`smoothing` must be "guided"'):
        PixelClassifier(embedder, smoothing=smoothing).fit(image, labels)


@pytest.mark.parametrize("options", [{"radius": 0}, {"epsilon": 0}, {"blur": -1}])
def test_parameters_of_the_filter_are_checked(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}`"):
        GuidedSmoothing(**options)


def test_a_truth_value_is_no_radius():
    with pytest.raises(TypeError, match='`smoothing` must be "guided"'):
        as_smoothing(True)
