"""A classifier for very few labels: how far colours count is decided by labels held out."""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

FOLDS = 5
# Labels of a class, on average, from which on a forest learns more than a linear map.
MANY = 100
# No single label says that an expert is worth nothing.
LEAST = 1e-3
STEPS = 100
# Of features as they are computed with; others become the first.
TYPES = ("float32", "float64")
# Inverse strengths of regularisation, of colours and of vectors.
STRENGTHS = 1.0, 0.03


class FewLabelsClassifier(ClassifierMixin, BaseEstimator):
    """A mixture of what colours say and what vectors say, weighed by labels held out.

    Colours alone are best where a class has a colour of its own, and mislead on other images. So
    both are asked, by logistic regression each. A random forest on vectors joins the second, and
    their mean counts, where there are at least 100 labels a class or it is right about more of the
    labels held out. The mixture's weights have the largest likelihood of labels held out, found by
    expectation maximisation (Dempster, Laird & Rubin 1977), with one more label that each is right
    about, so that few labels decide little. What is held out is whole groups, such as strokes or
    images, since neighbours tell nothing new.

    Args:
        num_colours: int, how many of the features, the first, are colours; the others are the
            vector.
        num_trees: int, trees of the forest.
        seed: int, of the forest.

    Attributes:
        classes_: sorted classes.
        weights_: floats `(2,)` that sum to 1, of colours and of vectors.
    """

    def __init__(self, num_colours=3, num_trees=20, seed=0):
        self.num_colours = num_colours
        self.num_trees = num_trees
        self.seed = seed

    def fit(self, features, labels, groups=None):
        """Learns from labelled pixels.

        Args:
            features: `(n, num_colours + vector)`, finite numbers.
            labels: `(n,)` of two classes or more.
            groups: ints `(n,)`; labels of one number are held out together. None makes each label
                a group.

        Returns:
            `self`.

        Raises:
            ValueError: arguments not as described.
        """
        features, labels = validate_data(self, features, labels, dtype=TYPES)
        if features.shape[1] <= self.num_colours:
            raise ValueError(
                f"`features` must have a vector beside {self.num_colours} colours. "
                f"Received: shape={features.shape}"
            )
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError(
                f"`labels` must be of two classes or more. Received: {self.classes_.tolist()}"
            )
        groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
        many = len(labels) >= MANY * len(self.classes_)
        likelihoods, trees_are_better = self._held_out(features, labels, groups, not many)
        self.weights_ = _mixture(likelihoods)
        self._linear = self._fit_linear(features, labels)
        self._forest = self._fit_forest(features, labels) if many or trees_are_better else None
        if self._forest:
            self._forest.set_params(n_jobs=-1)
        return self

    def predict_proba(self, features):
        """Probabilities `(n, classes)` of features `(n, num_colours + vector)`.

        Raises:
            ValueError: features other than those learned from, or that are no finite numbers.
        """
        check_is_fitted(self)
        features = validate_data(self, features, dtype=TYPES, reset=False)
        by_colours, by_vectors = np.moveaxis(_ask(self._linear, features), 1, 0)
        if self._forest:
            by_trees = self._forest.predict_proba(features[:, self.num_colours :])
            by_vectors = (by_vectors + by_trees) / 2
        return self.weights_[0] * by_colours + self.weights_[1] * by_vectors

    def predict(self, features):
        """Classes `(n,)` of features `(n, num_colours + vector)`."""
        return self.classes_[self.predict_proba(features).argmax(axis=1)]

    def _fit_linear(self, features, labels):
        """The two regressions as one map of features: `_ask` takes it.

        Returns:
            Coefficients `(features, 2, classes)` and intercepts `(2, classes)`, of features as
            they come: standardising is part of the map.
        """
        count, colours = len(np.unique(labels)), self.num_colours
        coefficients = np.zeros((features.shape[1], 2, count), features.dtype)
        intercepts = np.zeros((2, count), features.dtype)
        parts = slice(0, colours), slice(colours, None)
        # Threads would only wait for each other on so few numbers.
        with threadpool_limits(1, user_api="blas"):
            for place, (part, strength) in enumerate(zip(parts, STRENGTHS, strict=True)):
                scaler = StandardScaler()
                regression = LogisticRegression(C=strength, max_iter=300)
                regression.fit(scaler.fit_transform(features[:, part]), labels)
                # Of two classes the second alone has coefficients.
                chosen = slice(1, 2) if count == 2 else slice(None)
                scaled = (regression.coef_ / scaler.scale_).T
                coefficients[part, place, chosen] = scaled
                intercepts[place, chosen] = regression.intercept_ - scaler.mean_ @ scaled
        return coefficients, intercepts

    def _fit_forest(self, features, labels):
        forest = RandomForestClassifier(self.num_trees, random_state=self.seed)
        return forest.fit(features[:, self.num_colours :], labels)

    def _held_out(self, features, labels, groups, trees):
        """What those say of labels who did not learn from their groups.

        Args:
            trees: bool; False leaves out forests.

        Returns:
            Probabilities `(n, 2)` of the true class by colours and by vectors, and whether forests
            are right about more labels than vectors' linear maps.
        """
        _, fold = np.unique(groups, return_inverse=True)
        fold %= FOLDS
        found, lead = np.zeros((len(labels), 2)), 0
        for number in range(fold.max() + 1):
            taught = fold != number
            known = np.unique(labels[taught])
            # Of a class that is nowhere else no map knows, and none loses by it.
            asked = ~taught & np.isin(labels, known)
            if len(known) < 2 or not asked.any():
                continue
            said = _ask(self._fit_linear(features[taught], labels[taught]), features[asked])
            truth = np.searchsorted(known, labels[asked])
            found[asked] = said[np.arange(len(truth)), :, truth]
            if trees:
                forest = self._fit_forest(features[taught], labels[taught])
                guessed = forest.predict(features[asked][:, self.num_colours :])
                lead += np.sum(guessed == labels[asked]) - np.sum(said[:, 1].argmax(1) == truth)
        return found, lead > 0


def _ask(linear, features):
    """Probabilities `(n, 2, classes)`, by colours and by vectors."""
    coefficients, intercepts = linear
    return softmax(np.tensordot(features, coefficients, 1) + intercepts, axis=-1)


def _mixture(likelihoods):
    """The weights of the most likely mixture, from likelihoods `(n, parts)` of each part.

    Laplace's rule: as if each part had been right about one more.
    """
    parts = likelihoods.shape[1]
    likelihoods = np.maximum(likelihoods, LEAST)
    weights = np.full(parts, 1 / parts)
    for _ in range(STEPS):
        shares = weights * likelihoods
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (shares.sum(axis=0) + 1) / (len(likelihoods) + parts)
    return weights
