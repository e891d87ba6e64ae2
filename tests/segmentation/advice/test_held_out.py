import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import cross_val_predict

from umbed_keras.segmentation import FewLabelsClassifier, HeldOut, PixelClassifier
from umbed_keras.segmentation.advice.held_out import held_out
from umbed_keras.segmentation.few_labels import FOLDS, FOREST_LABELS, held_out_folds


def problem(count, strokes=10, seed=0):
    """Features whose classes overlap, with labels and groups."""
    random = np.random.default_rng(seed)
    labels = np.tile([3, 5, 9], count // 3)
    features = random.normal(size=(len(labels), 7)).astype("float32")
    features[:, 3:] += labels[:, None] / 2
    return features, labels, np.arange(len(labels)) // 3 % strokes


def predicted_by_folds(classifier, features, labels, groups):
    """The predictions of classifiers that are fitted to the other folds anew."""
    splits = [
        (np.flatnonzero(groups % FOLDS != fold), np.flatnonzero(groups % FOLDS == fold))
        for fold in range(FOLDS)
    ]
    return cross_val_predict(classifier, features, labels, cv=splits)


@pytest.mark.parametrize("count", [60, 3 * FOREST_LABELS])
def test_it_is_the_mixture_of_the_folds(count):
    features, labels, groups = problem(count)
    classifier = FewLabelsClassifier().fit(features, labels, groups)
    assert (classifier._forest is not None) >= (count > 60)
    expected = np.zeros((count, 3))
    for fold in range(FOLDS):
        test = groups % FOLDS == fold
        twin = classifier.refitted(features[~test], labels[~test])
        expected[test] = twin.predict_proba(features[test])
    proba = classifier.held_out_proba(features, labels, groups)
    np.testing.assert_allclose(proba, expected, atol=1e-6)
    result = held_out(classifier, features, labels, groups)
    best = classifier.classes_[expected.argmax(axis=1)]
    assert np.array_equal(result.confusion, confusion_matrix(labels, best))
    assert result.accuracy == np.mean(best == labels)
    assert result.not_predicted == 0


def test_few_labels_are_not_fitted_again(monkeypatch):
    features, labels, groups = problem(60)
    classifier = FewLabelsClassifier().fit(features, labels, groups)
    monkeypatch.setattr(FewLabelsClassifier, "_fit_linear", None)
    monkeypatch.setattr(FewLabelsClassifier, "_fit_forest", None)
    assert 0.5 < held_out(classifier, features, labels, groups).accuracy < 1


def test_any_other_classifier_is_fitted_to_the_folds():
    features, labels, groups = problem(90)
    classifier = LogisticRegression().fit(features, labels)
    result = held_out(classifier, features, labels, groups)
    predicted = predicted_by_folds(LogisticRegression(), features, labels, groups)
    assert np.array_equal(result.confusion, confusion_matrix(labels, predicted))


def test_a_class_in_one_group_is_not_predicted():
    features, labels, groups = problem(60)
    groups[labels == 9] = 0
    for classifier in (FewLabelsClassifier(), LogisticRegression()):
        fitted = classifier.fit(features, labels)
        if isinstance(classifier, FewLabelsClassifier):
            fitted.fit(features, labels, groups)
        result = held_out(fitted, features, labels, groups)
        assert result.not_predicted == 20
        assert np.isnan(result.recall[2])
        assert result.confusion.sum() == 40


def test_nothing_can_be_held_out():
    features, labels, groups = problem(60)
    classifier = FewLabelsClassifier().fit(features, labels, 0 * groups)
    result = held_out(classifier, features, labels, 0 * groups)
    assert result.not_predicted == 60
    assert np.isnan(result.accuracy)
    assert result.confusions() == []


def test_shares_of_a_confusion():
    result = HeldOut(np.array([1, 2, 7]), np.array([[6, 2, 0], [1, 9, 0], [3, 0, 1]]), 4)
    assert result.recall == pytest.approx([0.75, 0.9, 0.25])
    assert result.precision == pytest.approx([0.6, 9 / 11, 1])
    assert result.confusions() == [(7, 1, 0.75), (1, 2, 0.25), (2, 1, 0.1)]


def test_folds_hold_out_whole_groups():
    _, labels, groups = problem(60, strokes=7)
    tested = np.zeros(60, int)
    for train, test in held_out_folds(labels, groups):
        assert not set(groups[train]) & set(groups[test])
        tested[test] += 1
    assert set(tested) == {1}


@pytest.mark.parametrize("classifier", [None, LogisticRegression()])
def test_a_classifier_of_images_tells(embedder, striped, strokes, classifier):
    fitted = PixelClassifier(embedder, classifier).fit(striped, strokes)
    result = fitted.held_out()
    assert result.classes.tolist() == [2, 7]
    assert result.confusion.sum() == np.sum(strokes != 0)
    assert result.accuracy >= 0.75


def test_a_loaded_classifier_tells_the_same(embedder, striped, strokes, tmp_path):
    fitted = PixelClassifier(embedder).fit(striped, strokes)
    fitted.save(tmp_path / "classifier.npz")
    loaded = PixelClassifier.load(tmp_path / "classifier.npz", embedder)
    assert np.array_equal(loaded.held_out().confusion, fitted.held_out().confusion)
