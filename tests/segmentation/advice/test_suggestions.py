import numpy as np
import pytest
import scipy.spatial
from sklearn.linear_model import LogisticRegression

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.advice.suggestions import Candidates, candidates_of, suggestions


@pytest.fixture(scope="module")
def scene():
    """An image of two classes that are labelled, and of a third that is between them."""
    random = np.random.default_rng(0)
    image = np.full((48, 64, 3), 60.0)
    image[:, 32:] = 200
    image[30:44, 20:44] = 130
    labels = np.zeros((48, 64), int)
    labels[4:12, 5], labels[4:12, 58], labels[16:20, 8], labels[16:20, 50] = 1, 2, 1, 2
    return (image + random.normal(0, 4, image.shape)).round().astype("uint8"), labels


@pytest.mark.parametrize("classifier", [None, LogisticRegression()])
def test_what_no_label_resembles_is_suggested_first(embedder, scene, classifier):
    image, labels = scene
    fitted = PixelClassifier(embedder, classifier).fit(image, labels)
    found = fitted.suggest(image, count=6)
    assert len(found) == 6
    uncertainty = fitted.uncertainty(image)
    for one in found:
        assert one.uncertainty == uncertainty[one.row, one.col]
        assert (one.image, one.plane) == (0, ())
    assert found[0].uncertainty > 2 * uncertainty.mean()
    assert 22 <= found[0].row < 48
    assert 16 <= found[0].col < 48
    assert fitted.suggest(image, count=6) == found
    assert fitted.suggest(image, count=2) == found[:2]


def test_suggestions_keep_apart_from_labels_and_from_each_other(embedder, scene):
    image, labels = scene
    found = PixelClassifier(embedder).fit(image, labels).suggest(image, count=8)
    at = np.array([(one.row, one.col) for one in found])
    assert scipy.spatial.distance.cdist(at, np.argwhere(labels)).min() > 6
    assert scipy.spatial.distance.pdist(at).min() > 12


def test_images_and_planes_are_ranked_together(embedder, scene):
    image, labels = scene
    grey = image[..., 0]
    fitted = PixelClassifier(embedder).fit(grey, labels)
    # Only the second plane has what is uncertain.
    stack = np.stack([np.tile(grey[:1], (48, 1)), grey])
    found = fitted.suggest(uk.Image(stack, "zyx"), count=3)
    assert found[0].plane == (1,)
    images = fitted.suggest([grey[:16], grey, grey[:, :16]], count=3)
    assert images[0].image == 1
    assert all(isinstance(one.row, int) and isinstance(one.uncertainty, float) for one in images)


def test_pixels_without_data_are_not_suggested(embedder, scene):
    image, labels = scene
    values = image.astype("float32")
    values[24:] = np.nan
    fitted = PixelClassifier(embedder, scaling=uk.Scaling((0, 255))).fit(values, labels)
    found = fitted.suggest(values, count=50)
    assert 0 < len(found) < 50
    assert max(one.row for one in found) < 24


def test_candidates_are_a_grid():
    random = np.random.default_rng(0)
    uncertainty, features = random.random((90, 110)), random.random((90, 110, 3))
    none = (np.array([], int),) * 2
    found = candidates_of(uncertainty, features, none, 3, (1,))
    assert np.array_equal(np.unique(found.rows), np.arange(2, 90, 4))
    assert np.array_equal(np.unique(found.cols), np.arange(2, 110, 4))
    assert np.array_equal(found.features, features[found.rows, found.cols])
    assert np.array_equal(found.uncertainty, uncertainty[found.rows, found.cols])
    assert (found.image, found.plane) == (3, (1,))
    for planes, most in ((1, 4096), (16, 1024), (10_000, 64)):
        large = candidates_of(np.ones((900, 1100)), np.zeros((900, 1100, 1)), none, 0, (), planes)
        assert most / 2 < len(large.rows) <= 1.2 * most


def test_a_frequent_kind_comes_before_a_rare_one():
    kinds = np.eye(3) * 5
    kind = np.array([0] * 30 + [1] + [2] * 30)
    rows = np.arange(61) * 50
    uncertainty = np.where(kind == 1, 0.6, 0.5)
    candidates = [Candidates(0, (), rows, rows, uncertainty, kinds[kind])]
    found = suggestions(candidates, kinds[2:], 2)
    assert [kind[one.row // 50] for one in found] == [0, 1]


def test_copies_of_a_chosen_pixel_wait():
    random = np.random.default_rng(0)
    kinds = random.normal(size=(4, 8))
    kind = np.arange(40) % 4
    uncertainty = np.where(kind == 0, 0.99, 0.5) - np.arange(40) / 1000
    features = kinds[kind] + random.normal(0, 0.01, (40, 8))
    rows = np.arange(40) * 50
    candidates = [Candidates(0, (), rows, rows, uncertainty, features)]
    found = suggestions(candidates, kinds[3:], 3)
    assert found[0].row // 50 % 4 == 0
    assert sorted(one.row // 50 % 4 for one in found) == [0, 1, 2]


def test_wrong_arguments(embedder, scene):
    image, labels = scene
    fitted = PixelClassifier(embedder).fit(image, labels)
    with pytest.raises(ValueError, match="count"):
        fitted.suggest(image, count=0)
    small = PixelClassifier(embedder).fit(image, labels).suggest(image[:3, :3], count=10)
    assert len(small) == 1
