import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from umbed_keras.segmentation import FewLabelsClassifier
from umbed_keras.segmentation.few_labels import FOREST_LABELS, MIN_LIKELIHOOD, _mixture_weights


@parametrize_with_checks([FewLabelsClassifier(), FewLabelsClassifier(num_colours=0)])
def test_scikit_learn_accepts_it_as_a_classifier(estimator, check):
    check(estimator)


def problem(telling, count=60, seed=0):
    """Features of 3 colours and 4 numbers, of which only one part tells the class."""
    random = np.random.default_rng(seed)
    labels = np.repeat([3, 5, 9], count // 3)
    features = random.normal(size=(count, 7)).astype("float32")
    features[:, telling] += 2 * labels[:, None]
    return features, labels


@pytest.mark.parametrize("seed", range(4))
def test_weights_have_the_largest_likelihood(seed):
    random = np.random.default_rng(seed)
    likelihoods, counts = random.beta(2, 1 + seed, size=(30, 2)), random.uniform(0.1, 1, 30)

    def surprise(weight):
        mixed = np.maximum(likelihoods, MIN_LIKELIHOOD) @ [weight, 1 - weight]
        return -counts @ np.log(mixed) - np.log(weight) - np.log(1 - weight)

    best = minimize_scalar(surprise, bounds=(1e-6, 1 - 1e-6), method="bounded")
    # What the likelihood, which is flat at its top, tells apart in float64.
    assert surprise(_mixture_weights(likelihoods, counts)[0]) == pytest.approx(best.fun, abs=1e-6)


def test_nothing_held_out_decides_nothing():
    np.testing.assert_array_equal(_mixture_weights(np.zeros((7, 2)), np.ones(7)), [0.5, 0.5])
    np.testing.assert_array_equal(_mixture_weights(np.empty((0, 2)), np.empty(0)), [0.5, 0.5])


@pytest.mark.parametrize(("telling", "part"), [(slice(0, 3), 0), (slice(3, 7), 1)])
def test_the_part_that_tells_gets_the_weight(telling, part):
    features, labels = problem(telling)
    classifier = FewLabelsClassifier().fit(features, labels)
    assert classifier.weights_[part] > 0.9
    assert classifier.weights_.sum() == pytest.approx(1)
    new, true = problem(telling, seed=1)
    assert (classifier.predict(new) == true).mean() > 0.9


def signs(count):
    """Features whose classes no linear map tells: by the signs of two of them."""
    features = np.random.default_rng(0).normal(size=(count, 7)).astype("float32")
    return features, np.where(features[:, 3] * features[:, 4] > 0, 1, 2)


def slanted(count):
    """Features whose classes a linear map of many of them tells best."""
    features = np.random.default_rng(0).normal(size=(count, 7)).astype("float32")
    return features, np.where(features[:, 3:].sum(axis=1) > 0, 1, 2)


@pytest.mark.parametrize(("num_colours", "penalty", "part"), [(4, 1.0, 0), (0, 0.03, 1)])
def test_a_part_without_features_has_no_weight(num_colours, penalty, part):
    features, labels = slanted(60)
    classifier = FewLabelsClassifier(num_colours, num_trees=5, seed=3)
    classifier.fit(features[:, 3:], labels)
    assert classifier.weights_.tolist() == [1 - part, part]
    scaled = StandardScaler().fit_transform(features[:, 3:])
    regression = LogisticRegression(C=penalty, max_iter=300).fit(scaled, labels)
    np.testing.assert_allclose(
        classifier.predict_proba(features[:, 3:]), regression.predict_proba(scaled), atol=1e-4
    )


@pytest.mark.parametrize(
    ("features", "labels", "trees"),
    [(*slanted(60), False), (*signs(60), True), (*slanted(2 * FOREST_LABELS), True)],
)
def test_probabilities_are_those_of_its_parts(features, labels, trees):
    classifier = FewLabelsClassifier(num_trees=5, seed=3).fit(features, labels)

    def linear(part, strength):
        part = StandardScaler().fit_transform(features[:, part])
        return LogisticRegression(C=strength, max_iter=300).fit(part, labels).predict_proba(part)

    by_vectors = linear(slice(3, 7), 0.03)
    if trees:
        vectors = features[:, 3:]
        forest = RandomForestClassifier(5, random_state=3).fit(vectors, labels)
        by_vectors = (by_vectors + forest.predict_proba(vectors)) / 2
    weights = classifier.weights_
    expected = weights[0] * linear(slice(0, 3), 1.0) + weights[1] * by_vectors
    # scikit-learn's optimiser stops within its tolerance of the gradient, here in float32.
    np.testing.assert_allclose(classifier.predict_proba(features), expected, atol=1e-4)
    np.testing.assert_array_equal(classifier.predict(features), 1 + expected.argmax(axis=1))


def test_two_classes_have_the_probabilities_of_scikit_learn():
    features, labels = problem(slice(0, 7))
    features, labels = features[labels > 3], labels[labels > 3]
    classifier = FewLabelsClassifier().fit(features, labels)
    colours = StandardScaler().fit_transform(features[:, :3])
    expected = LogisticRegression(max_iter=300).fit(colours, labels).predict_proba(colours)
    classifier.weights_ = np.array([1.0, 0.0])
    np.testing.assert_allclose(classifier.predict_proba(features), expected, atol=1e-4)


def test_whole_groups_are_held_out():
    # Each group has colours of its own, which predict its labels and those of no other group.
    random = np.random.default_rng(0)
    labels, groups = np.tile([1, 2], 40), np.repeat(np.arange(8), 10)
    features = random.normal(size=(80, 7)).astype("float32")
    features[:, 0] = random.permutation(16)[2 * groups + labels - 1]
    features[:, 1:3] = np.eye(16)[2 * groups + labels - 1, :2]
    features[:, 3:] += 1.5 * labels[:, None]
    weights = FewLabelsClassifier().fit(features, labels, groups).weights_
    assert weights[1] > 0.9


def test_a_class_that_is_in_one_group_only_is_learned():
    features, labels = problem(slice(3, 7))
    groups = np.where(labels == 9, 0, np.arange(60) % 4)
    classifier = FewLabelsClassifier().fit(features, labels, groups)
    assert (classifier.predict(features) == labels).mean() > 0.9
    one_group = FewLabelsClassifier().fit(features, labels, np.zeros(60))
    np.testing.assert_array_equal(one_group.weights_, [0.5, 0.5])


@pytest.mark.parametrize("kind", [list, np.int64])
def test_integer_features_are_as_good_as_floats(kind):
    """Coefficients of the features' own dtype would all be rounded to 0."""
    random = np.random.default_rng(0)
    features = random.integers(0, 256, (60, 8))
    labels = np.where(features[:, 0] > 120, 2, 1)
    whole = features.tolist() if kind is list else features.astype(kind)
    probabilities = FewLabelsClassifier().fit(whole, labels).predict_proba(whole)
    expected = FewLabelsClassifier().fit(features.astype("float32"), labels)
    np.testing.assert_array_equal(probabilities, expected.predict_proba(features.astype("float32")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda features, labels: (features, np.ones(len(labels))), "`y` must hold two classes"),
        (lambda features, labels: (features[:7], labels), "inconsistent numbers of samples"),
        (lambda features, labels: (np.full_like(features, np.nan), labels), "NaN"),
    ],
)
def test_arguments_are_checked(change, message):
    features, labels = problem(slice(0, 3))
    with pytest.raises(ValueError, match=message):
        FewLabelsClassifier().fit(*change(features, labels))
    with pytest.raises(ValueError, match=r"6 features.*expecting 7"):
        FewLabelsClassifier().fit(features, labels).predict(features[:, :6])
