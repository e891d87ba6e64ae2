"""A classifier for very few labels: how far colours count is decided by labels held out."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

FOLDS = 5
# No single label says that an expert is worth nothing.
LEAST = 1e-3
STEPS = 100
# Labels, or pixels, that one thread is done with before others are started.
FEW = 4096


class FewLabelsClassifier(ClassifierMixin, BaseEstimator):
    """A mixture of what colours say and what vectors say, weighed by labels held out.

    Colours alone are best where a class has a colour of its own, and mislead on other images. So
    both are asked: a logistic regression on colours; and the mean of a logistic regression and a
    random forest on vectors, of which the one generalises from few labels and the other learns
    from many. Their mixture's weights have the largest likelihood of labels held out, found by
    expectation maximisation (a linear opinion pool; Jordan & Jacobs 1994 for the steps), with one
    more label that each is right about, so that few labels decide little. What is held out is
    whole groups, such as strokes or images, since neighbours tell nothing new.

    Args:
        num_colours: int, how many of the features, the first, are colours; the others are the
            vector.
        num_trees: int, trees of the forest.
        seed: int, of the forest.

    Attributes:
        classes_: sorted classes.
        weights_: floats `(2,)` that sum to 1, of colours and of vectors.
    """

    def __init__(self, num_colours=3, num_trees=30, seed=0):
        self.num_colours = num_colours
        self.num_trees = num_trees
        self.seed = seed

    def fit(self, features, labels, groups=None):
        """Learns from labelled pixels.

        Args:
            features: floats `(n, num_colours + vector)`.
            labels: `(n,)` of two classes or more.
            groups: ints `(n,)`; labels of one number are held out together. None makes each label
                a group.

        Returns:
            `self`.
        """
        features, labels = np.asarray(features), np.asarray(labels)
        self.classes_ = np.unique(labels)
        self.n_features_in_ = features.shape[1]
        groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
        self.weights_ = _mixture(self._held_out(features, labels, groups))
        self._experts = self._fit_experts(features, labels)
        return self

    def predict_proba(self, features):
        """Probabilities `(n, classes)` of features `(n, num_colours + vector)`."""
        check_is_fitted(self)
        return np.tensordot(self.weights_, self._ask(self._experts, np.asarray(features)), 1)

    def predict(self, features):
        """Classes `(n,)` of features `(n, num_colours + vector)`."""
        return self.classes_[self.predict_proba(features).argmax(axis=1)]

    def _fit_experts(self, features, labels):
        colours, vectors = self._parts(features)
        threads = -1 if len(labels) > FEW else None
        forest = RandomForestClassifier(self.num_trees, n_jobs=threads, random_state=self.seed)
        with threadpool_limits(1, user_api="blas"):
            linear = _logistic(1.0).fit(colours, labels), _logistic(0.03).fit(vectors, labels)
        return *linear, forest.fit(vectors, labels)

    def _ask(self, experts, features):
        """Probabilities `(2, n, classes)`, by colours and by vectors."""
        colours, vectors = self._parts(features)
        by_colours, linear, forest = experts
        forest.set_params(n_jobs=-1 if len(features) > FEW else None)
        by_vectors = (linear.predict_proba(vectors) + forest.predict_proba(vectors)) / 2
        return np.stack([by_colours.predict_proba(colours), by_vectors])

    def _held_out(self, features, labels, groups):
        """Probabilities `(n, 2)` of the true class by experts that did not learn its group."""
        _, fold = np.unique(groups, return_inverse=True)
        fold %= FOLDS
        found = np.zeros((len(labels), 2))
        for number in range(fold.max() + 1):
            asked = fold == number
            taught = labels[~asked]
            known = np.unique(taught)
            # Of a class that is nowhere else no expert knows, and none loses by it.
            asked &= np.isin(labels, known)
            if len(known) > 1 and asked.any():
                said = self._ask(
                    self._fit_experts(features[fold != number], taught), features[asked]
                )
                truth = np.searchsorted(known, labels[asked])
                found[asked] = said[:, np.arange(len(truth)), truth].T
        return found

    def _parts(self, features):
        return features[:, : self.num_colours], features[:, self.num_colours :]


def _logistic(regularisation):
    return make_pipeline(StandardScaler(), LogisticRegression(C=regularisation, max_iter=300))


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
