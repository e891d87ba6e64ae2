"""A classifier that learns from its own confident answers."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.segmentation import FewLabelsClassifier, PixelClassifier
from umbed_keras.segmentation.self_training import (
    GUESSES,
    POSITIONS,
    Guesses,
    confident_guesses,
    positions,
    taught,
)


def clouds(count, shift=0.0, seed=0):
    """Features of two classes of distance 2 in 7 dimensions, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.repeat([1, 2], count)
    return random.normal(size=(2 * count, 7)) + 0.75 * labels[:, None] + shift, labels


def test_guesses_are_the_confident_half_of_each_class():
    random = np.random.default_rng(0)
    first = random.uniform(size=3000)
    probabilities = np.stack([first, 1 - first], axis=1)
    features = np.arange(3000.0)[:, None]
    guesses = confident_guesses(probabilities, features, np.array([4, 7]))
    assert np.bincount(guesses.labels).tolist() == [0] * 4 + [GUESSES, 0, 0, GUESSES]
    for column, label in enumerate((4, 7)):
        own = probabilities.argmax(1) == column
        chosen = guesses.features[guesses.labels == label, 0].astype(int)
        assert own[chosen].all()
        assert probabilities[chosen, column].min() >= np.median(probabilities[own, column])


def test_pixels_without_data_are_no_guesses():
    probabilities = np.array([[np.nan, np.nan], [0.9, 0.1], [0.1, 0.9]])
    guesses = confident_guesses(probabilities, np.arange(3.0)[:, None], np.array([1, 2]))
    assert guesses.features.ravel().tolist() == [1, 2]


def test_positions_lie_in_the_plane_and_are_bounded():
    rows, cols = positions(30_000, 20_000)
    assert 0.9 * POSITIONS < len(rows) <= POSITIONS
    assert rows.max() < 30_000
    assert cols.max() < 20_000
    np.testing.assert_array_equal(positions(300, 400, seed=1), positions(300, 400, seed=1))


def test_guesses_about_a_shifted_cloud_help_there():
    features, labels = clouds(4)
    base = FewLabelsClassifier(3).fit(features, labels)
    others, truth = clouds(500, seed=1)
    guesses = confident_guesses(base.predict_proba(others), others, base.classes_)
    student = taught(base, features, labels, [guesses])
    assert student.score(others, truth) > base.score(others, truth)


def test_labels_win_over_guesses_that_contradict_them():
    features, labels = clouds(10)
    base = FewLabelsClassifier(3).fit(features, labels)
    wrong = Guesses(np.repeat([1, 2], 200), np.repeat(features[::-1], 20, axis=0))
    assert taught(base, features, labels, [wrong]) is base


def test_no_class_swallows_the_others(embedder, striped, strokes):
    """A class of one pixel is still found where its pixel lies."""
    few = np.where(strokes == 2, 0, strokes)
    few[5, 16] = 2
    classes = PixelClassifier(embedder, smoothing=0).fit(striped, few).predict(striped)
    assert classes[5, 16] == 2
    shares = [(classes == label).mean() for label in (2, 7)]
    assert min(shares) > 0.2


def test_equal_seeds_teach_alike(embedder, striped, strokes):
    first, second = (PixelClassifier(embedder, seed=4).fit(striped, strokes) for _ in range(2))
    np.testing.assert_array_equal(
        first.predict_proba(striped, adapt=True), second.predict_proba(striped, adapt=True)
    )


def test_adapting_leaves_the_classifier_as_it_was(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    before = classifier.predict_proba(striped)
    other = striped[::-1, ::-1]
    adapted = classifier.predict_proba(other, adapt=True)
    assert not np.array_equal(adapted, classifier.predict_proba(other))
    np.testing.assert_array_equal(classifier.predict_proba(striped), before)


def test_windows_adapt_as_the_whole_does(embedder, striped, strokes, monkeypatch):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    image = (np.tile(striped, (6, 7, 1)) * 0.7).astype("uint8")
    expected = classifier.predict(image, adapt=True)
    monkeypatch.setattr(embedder, "largest_tile", lambda budget: 140)
    assert classifier.window_classifier(uk.Image(image)).tile_size < 100
    large = classifier.predict_large(image, adapt=True, verbose=0)
    # Rounding may change which of two equally confident pixels is learned.
    assert (large == expected).mean() > 0.99


def test_partial_fit_forgets_guesses_about_erased_images(embedder, striped, strokes):
    other = striped[::-1]
    both = PixelClassifier(embedder).fit([striped, other], [strokes, strokes[::-1]])
    both.partial_fit(other, np.zeros_like(strokes))
    alone = PixelClassifier(embedder).fit(striped, strokes)
    # Guesses of the first fit stay, so the two are alike and not equal.
    assert (both.predict(striped) == alone.predict(striped)).mean() > 0.98


def test_other_classifiers_do_not_adapt(embedder, striped, strokes):
    classifier = PixelClassifier(embedder, GaussianNB()).fit(striped, strokes)
    for method in (classifier.predict, classifier.predict_large):
        with pytest.raises(ValueError, match="`adapt` needs the default classifier"):
            method(striped, adapt=True)
