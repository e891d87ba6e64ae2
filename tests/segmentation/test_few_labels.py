import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from umbed_keras.segmentation import FewLabelsClassifier
from umbed_keras.segmentation.few_labels import LEAST, MANY, _mixture

pytestmark = pytest.mark.torch_alone


def problem(telling, count=60, seed=0):
    """Features of 3 colours and 4 numbers, of which only one part tells the class."""
    random = np.random.default_rng(seed)
    labels = np.repeat([3, 5, 9], count // 3)
    features = random.normal(size=(count, 7)).astype("float32")
    features[:, telling] += 2 * labels[:, None]
    return features, labels


@pytest.mark.parametrize("seed", range(4))
def test_weights_have_the_largest_likelihood(seed):
    likelihoods = np.random.default_rng(seed).beta(2, 1 + seed, size=(30, 2))

    def surprise(weight):
        mixed = np.maximum(likelihoods, LEAST) @ [weight, 1 - weight]
        return -np.log(mixed).sum() - np.log(weight) - np.log(1 - weight)

    best = minimize_scalar(surprise, bounds=(1e-6, 1 - 1e-6), method="bounded")
    # What the likelihood, which is flat at its top, tells apart in float64.
    assert surprise(_mixture(likelihoods)[0]) == pytest.approx(best.fun, abs=1e-6)


def test_nothing_held_out_decides_nothing():
    np.testing.assert_array_equal(_mixture(np.zeros((7, 2))), [0.5, 0.5])
    np.testing.assert_array_equal(_mixture(np.empty((0, 2))), [0.5, 0.5])


@pytest.mark.parametrize(("telling", "place"), [(slice(0, 3), 0), (slice(3, 7), 1)])
def test_the_part_that_tells_gets_the_weight(telling, place):
    features, labels = problem(telling)
    found = FewLabelsClassifier().fit(features, labels)
    assert found.weights_[place] > 0.9
    assert found.weights_.sum() == pytest.approx(1)
    new, true = problem(telling, seed=1)
    assert (found.predict(new) == true).mean() > 0.9


def signs(count):
    """Features whose classes no linear map tells: by the signs of two of them."""
    features = np.random.default_rng(0).normal(size=(count, 7)).astype("float32")
    return features, np.where(features[:, 3] * features[:, 4] > 0, 1, 2)


def slanted(count):
    """Features whose classes a linear map of many of them tells best."""
    features = np.random.default_rng(0).normal(size=(count, 7)).astype("float32")
    return features, np.where(features[:, 3:].sum(axis=1) > 0, 1, 2)


@pytest.mark.parametrize(
    ("features", "labels", "trees"),
    [(*slanted(60), False), (*signs(60), True), (*slanted(2 * MANY), True)],
)
def test_probabilities_are_those_of_its_parts(features, labels, trees):
    found = FewLabelsClassifier(num_trees=5, seed=3).fit(features, labels)

    def linear(part, strength):
        part = StandardScaler().fit_transform(features[:, part])
        return LogisticRegression(C=strength, max_iter=300).fit(part, labels).predict_proba(part)

    by_vectors = linear(slice(3, 7), 0.03)
    if trees:
        vectors = features[:, 3:]
        forest = RandomForestClassifier(5, random_state=3).fit(vectors, labels)
        by_vectors = (by_vectors + forest.predict_proba(vectors)) / 2
    expected = found.weights_[0] * linear(slice(0, 3), 1.0) + found.weights_[1] * by_vectors
    # The optimiser of ours, in float32, stops within scikit-learn's tolerance of the gradient.
    np.testing.assert_allclose(found.predict_proba(features), expected, atol=1e-4)
    np.testing.assert_array_equal(found.predict(features), 1 + expected.argmax(axis=1))


def test_two_classes_are_told_by_one_map():
    features, labels = problem(slice(0, 7))
    features, labels = features[labels > 3], labels[labels > 3]
    found = FewLabelsClassifier().fit(features, labels)
    colours = StandardScaler().fit_transform(features[:, :3])
    expected = LogisticRegression(max_iter=300).fit(colours, labels).predict_proba(colours)
    found.weights_ = np.array([1.0, 0.0])
    np.testing.assert_allclose(found.predict_proba(features), expected, atol=1e-4)


def test_what_is_held_out_is_whole_groups():
    # Each group has a colour of its own, by which its labels are known, but those of no other.
    random = np.random.default_rng(0)
    labels, groups = np.tile([1, 2], 40), np.repeat(np.arange(8), 10)
    features = random.normal(size=(80, 7)).astype("float32")
    features[:, 0] = random.permutation(16)[2 * groups + labels - 1]
    features[:, 1:3] = np.eye(16)[2 * groups + labels - 1, :2]
    features[:, 3:] += 1.5 * labels[:, None]
    together = FewLabelsClassifier().fit(features, labels, groups).weights_
    assert together[1] > 0.9


def test_a_class_that_is_in_one_group_only_is_learned():
    features, labels = problem(slice(3, 7))
    groups = np.where(labels == 9, 0, np.arange(60) % 4)
    found = FewLabelsClassifier().fit(features, labels, groups)
    assert (found.predict(features) == labels).mean() > 0.9
    alone = FewLabelsClassifier().fit(features, labels, np.zeros(60))
    np.testing.assert_array_equal(alone.weights_, [0.5, 0.5])


@pytest.mark.parametrize("kind", [list, np.int64])
def test_integer_features_are_as_good_as_floats(kind):
    """Coefficients, once of the features' own type, were all cut to 0."""
    random = np.random.default_rng(0)
    features = random.integers(0, 256, (60, 8))
    labels = np.where(features[:, 0] > 120, 2, 1)
    whole = features.tolist() if kind is list else features.astype(kind)
    found = FewLabelsClassifier().fit(whole, labels).predict_proba(whole)
    expected = FewLabelsClassifier().fit(features.astype("float32"), labels)
    np.testing.assert_array_equal(found, expected.predict_proba(features.astype("float32")))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda features, labels: (features[:, :3], labels), "`features` must have a vector"),
        (lambda features, labels: (features, np.ones(len(labels))), "`labels` must be of two"),
        (lambda features, labels: (features[:7], labels), "inconsistent numbers of samples"),
        (lambda features, labels: (np.full_like(features, np.nan), labels), "NaN"),
    ],
)
def test_arguments_are_checked(change, says):
    features, labels = problem(slice(0, 3))
    with pytest.raises(ValueError, match=says):
        FewLabelsClassifier().fit(*change(features, labels))
    with pytest.raises(ValueError, match=r"6 features.*expecting 7"):
        FewLabelsClassifier().fit(features, labels).predict(features[:, :6])
