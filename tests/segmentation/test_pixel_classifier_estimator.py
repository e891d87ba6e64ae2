"""`PixelClassifier` as an estimator of scikit-learn."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier


def test_arguments_are_parameters(embedder):
    plain = LogisticRegression(C=2.0)
    classifier = PixelClassifier(embedder, plain, smoothing=1, seed=3)
    assert classifier.get_params(deep=False) == {
        "embedder": embedder,
        "classifier": plain,
        "smoothing": 1,
        "seed": 3,
        "scaling": None,
        "channels": None,
    }
    assert classifier.get_params()["classifier__C"] == 2.0
    assert classifier.set_params(smoothing=2.0, classifier__C=1.0) is classifier
    assert (classifier.smoothing, plain.C) == (2.0, 1.0)
    with pytest.raises(ValueError, match="'sharpness'"):
        classifier.set_params(sharpness=1)


def test_a_clone_is_not_fitted_and_shares_the_embedder(embedder, striped, strokes, monkeypatch):
    classifier = PixelClassifier(embedder, GaussianNB(), smoothing=2.0, seed=1)
    twin = clone(classifier)
    classifier.fit(striped, strokes)
    for unfitted in (twin, clone(classifier)):
        assert unfitted.embedder is embedder
        assert unfitted.classifier is not classifier.classifier
        assert (unfitted.smoothing, unfitted.seed) == (2.0, 1)
        with pytest.raises(NotFittedError):
            unfitted.predict(striped)
    monkeypatch.setattr(embedder, "embed", None)  # its features are shared, too
    np.testing.assert_array_equal(
        twin.fit(striped, strokes).predict(striped), classifier.predict(striped)
    )


@pytest.mark.parametrize("as_batch", [False, True], ids=["list", "batch"])
def test_grid_search(embedder, striped, strokes, as_batch):
    flipped = striped[::-1], strokes[::-1]
    pairs = [(striped, strokes), flipped, (striped[:, ::-1], strokes[:, ::-1])]
    if not as_batch:
        pairs[0] = (striped[:, :18], strokes[:, :18])
    images, labels = (list(part) for part in zip(*pairs, strict=True))
    if as_batch:
        images, labels = np.stack(images), np.stack(labels)
    grid = {"smoothing": [0.0, 1.0], "classifier": [None, GaussianNB()]}
    search = GridSearchCV(PixelClassifier(embedder), grid, cv=3, error_score="raise")
    search.fit(images, labels)
    assert len(search.cv_results_["mean_test_score"]) == 4
    held_out = []
    for index in range(3):
        train = [part for part in range(3) if part != index]
        classifier = PixelClassifier(embedder, **search.best_params_)
        classifier.fit([images[part] for part in train], [labels[part] for part in train])
        held_out.append(classifier.score(images[index], labels[index]))
    assert search.best_score_ == pytest.approx(np.mean(held_out))
    assert search.predict(images)[1].shape == (24, 20)


def test_a_preset_is_loaded_once_by_the_first_fit(striped, strokes, monkeypatch):
    load, loaded = uk.PixelEmbedder.from_preset, []

    def recorded(preset):
        loaded.append(preset)
        return load(preset)

    monkeypatch.setattr(uk.PixelEmbedder, "from_preset", recorded)
    classifier = PixelClassifier("celeba_vq_k16")
    twins = [clone(classifier) for _ in range(2)]
    assert not loaded
    assert isinstance(classifier.fit(striped, strokes).embedder_, uk.PixelEmbedder)
    classifier.predict(striped)
    for twin in twins:
        twin.fit(striped, strokes)
    assert loaded == ["celeba_vq_k16"]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_arguments_are_checked_by_fit(embedder, striped, strokes, method):
    for arguments, error, message in (
        ({"embedder": "no_such_preset"}, ValueError, "No preset"),
        ({"classifier": "forest"}, TypeError, "`classifier` must be a scikit-learn classifier"),
        ({"smoothing": -1}, ValueError, "`smoothing` must be at least 0"),
        ({"smoothing": np.nan}, ValueError, "`smoothing` must be .* finite"),
        ({"seed": -1}, ValueError, "`seed` must be an integer >= 0"),
    ):
        classifier = PixelClassifier(**{"embedder": embedder, **arguments})
        with pytest.raises(error, match=message):
            getattr(classifier, method)(striped, strokes)


def test_before_fit(embedder, striped, strokes, tmp_path):
    classifier = PixelClassifier(embedder)
    for call in (
        lambda: classifier.predict(striped),
        lambda: classifier.predict_proba(striped),
        lambda: classifier.uncertainty(striped),
        lambda: classifier.score(striped, strokes),
        lambda: classifier.predict_large(striped),
        lambda: classifier.save(tmp_path / "mine.npz"),
    ):
        with pytest.raises(NotFittedError, match="call `fit` first"):
            call()


def test_another_embedder_needs_another_fit(embedder, striped, strokes):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    expected = classifier.predict(striped)
    other = uk.PixelEmbedder.from_config({**embedder.get_config(), "seed": 9})
    classifier.set_params(embedder=other)
    for call in (classifier.predict, lambda image: classifier.partial_fit(image, strokes)):
        with pytest.raises(NotFittedError, match="`embedder` was changed"):
            call(striped)
    np.testing.assert_array_equal(
        classifier.set_params(embedder=embedder).predict(striped), expected
    )
    assert classifier.set_params(embedder=other).fit(striped, strokes).embedder_ is other


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_copies_predict_and_learn_on(embedder, striped, strokes, copied):
    classifier = PixelClassifier(embedder).fit(striped, strokes)
    other = copied(classifier)
    np.testing.assert_array_equal(other.predict(striped), classifier.predict(striped))
    more = strokes.astype(int)
    more[10, 2:5] = 4
    np.testing.assert_array_equal(
        other.partial_fit(striped, more).predict(striped),
        classifier.partial_fit(striped, more).predict(striped),
    )


def test_repr_tells_preset_classes_and_labelled_pixels(striped, strokes):
    classifier = PixelClassifier("celeba_vq_k16", smoothing=2.0)
    text = (
        "PixelClassifier(channels=None, classifier=None, embedder='celeba_vq_k16', scaling=None, "
        "seed=0, smoothing=2.0)"
    )
    assert repr(classifier) == text
    classifier.fit(striped, strokes)
    assert repr(classifier) == f"{text} fitted to 20 labelled pixels of classes [2, 7]"
    assert "celeba_vq_k16" in classifier._repr_html_()
