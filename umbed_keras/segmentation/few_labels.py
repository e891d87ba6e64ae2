"""A classifier of pixels that learns from very few labels."""

import copy
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from umbed_keras.typing import ArrayLike

# Folds of the cross-validation that chooses the weights.
FOLDS = 5
# Labels per class, on average, from which on the random forest is always used.
FOREST_LABELS = 100
# Lower bound of a label's likelihood: no single label rules out a part of the mixture.
MIN_LIKELIHOOD = 1e-3
EM_STEPS = 100
# Computation keeps these dtypes; other input is converted to the first.
DTYPES = ("float32", "float64")
# Inverse strengths of the L2 penalty: of the regression on colours, and of that on vectors.
INVERSE_PENALTIES = 1.0, 0.03


class FewLabelsClassifier(ClassifierMixin, BaseEstimator):
    """Mixture of a classifier of colours and a classifier of vectors, for very few labels.

    Colours suffice where every class has a colour of its own, and mislead on other images; vectors
    need more labels. This classifier fits a logistic regression to each and mixes their
    probabilities. A random forest on the vectors joins the second regression, and the two are
    averaged, if there are at least 100 labels per class or if cross-validation prefers the forest.

    The weights of the mixture maximise the cross-validated likelihood of the labels, by expectation
    maximisation (Dempster, Laird & Rubin 1977). Laplace's rule, one additional label that each part
    predicts correctly, keeps the weights near 1/2 while there are few labels. The folds hold out
    whole groups, such as strokes or images, because neighbouring pixels are nearly copies of each
    other; for the same reason a stroke may count as one label.

    The classifier passes scikit-learn's `check_estimator`. Where all features are colours, or none
    is, there is one part only.

    Args:
        num_colours: int, number of features that are colours. They come first; all further
            features are the vector.
        num_trees: int, number of trees in the random forest.
        seed: int, random state of the forest.

    Attributes:
        classes_: array `(classes,)` of the sorted classes.
        weights_: float64 array `(2,)`, the weights of colours and of vectors, which sum to 1.

    Examples:
        >>> labels = np.repeat([1, 2], 20)
        >>> features = np.random.default_rng(0).normal(size=(40, 7))
        >>> features[:, 3:] += 3 * labels[:, None]
        >>> classifier = uk.segmentation.FewLabelsClassifier(num_trees=5).fit(features, labels)
        >>> classifier.predict(features[::39]).tolist()
        [1, 2]
        >>> bool(classifier.weights_[1] > 0.9)  # the vectors tell the classes apart
        True
    """

    def __init__(self, num_colours: int = 3, num_trees: int = 20, seed: int = 0) -> None:
        self.num_colours = num_colours
        self.num_trees = num_trees
        self.seed = seed

    def fit(
        self,
        features: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        label_weights: ArrayLike | None = None,
    ) -> Self:
        """Fits the classifier to labelled pixels.

        Args:
            features: float array `(n, num_colours + vector)`, the features.
            y: array `(n,)` of labels of at least two classes.
            groups: int array `(n,)`; pixels of one group are held out together. None makes every
                pixel a group.
            label_weights: float array `(n,)`, how much each label counts in the choice of the
                mixture's weights. None is 1 for each.

        Returns:
            The classifier itself.

        Raises:
            ValueError: if `features` contains NaN or infinity.
            ValueError: if `features` and `y` differ in length.
            ValueError: if `y` holds a single class, or continuous numbers.
        """
        features, y = validate_data(self, features, y, dtype=DTYPES)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"`y` must hold two classes or more. Received one class: {self.classes_.tolist()}"
            )
        groups = np.arange(len(y)) if groups is None else np.asarray(groups)
        many = len(y) >= FOREST_LABELS * len(self.classes_)
        likelihoods, forest_wins = self._cross_validate(features, y, groups, not many)
        colours, vectors = self._parts(features.shape[1])
        if colours and vectors:
            counts = np.ones(len(y)) if label_weights is None else np.asarray(label_weights)
            self.weights_ = _mixture_weights(likelihoods, counts)
        else:
            self.weights_ = np.array([bool(colours), bool(vectors)], "float64")
        self._linear = self._fit_linear(features, y)
        self._forest = self._fit_forest(features, y) if vectors and (many or forest_wins) else None
        if self._forest:
            self._forest.set_params(n_jobs=-1)
        return self

    def refitted(self, features: ArrayLike, y: ArrayLike) -> Self:
        """Returns a classifier that is fitted to other pixels, with the weights of this one.

        Args:
            features: float array `(n, num_colours + vector)`.
            y: array `(n,)` of labels, of all classes of this classifier and no others.

        Returns:
            A new `FewLabelsClassifier`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if `features` contains NaN or infinity, or has another number of columns
                than in `fit`; or if `y` holds other classes.

        Examples:
            >>> labels = np.repeat([1, 2], 20)
            >>> features = np.random.default_rng(0).normal(size=(40, 7)) + 3 * labels[:, None]
            >>> classifier = uk.segmentation.FewLabelsClassifier(seed=1).fit(features, labels)
            >>> classifier.refitted(features[10:30], labels[10:30]).predict(features[::39])
            array([1, 2])
        """
        check_is_fitted(self)
        features, y = validate_data(self, features, y, dtype=DTYPES, reset=False)
        if not np.array_equal(np.unique(y), self.classes_):
            raise ValueError(f"`y` must hold the classes {self.classes_}. Received: {np.unique(y)}")
        twin = copy.copy(self)
        twin._linear = self._fit_linear(features, y)
        if self._forest:
            twin._forest = self._fit_forest(features, y).set_params(n_jobs=-1)
        return twin

    def predict_proba(self, features: ArrayLike) -> np.ndarray:
        """Returns the probability of every class.

        Args:
            features: float array `(n, num_colours + vector)`.

        Returns:
            Float array `(n, classes)`, in the order of `classes_`. Rows sum to 1.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if `features` contains NaN or infinity.
            ValueError: if `features` has another number of columns than in `fit`.
        """
        check_is_fitted(self)
        features = validate_data(self, features, dtype=DTYPES, reset=False)
        by_colours, by_vectors = _linear_probabilities(self._linear, features)
        if self._forest:
            by_vectors += self._forest.predict_proba(features[:, self.num_colours :]).T
            by_vectors /= 2
        by_colours *= self.weights_[0]
        by_vectors *= self.weights_[1]
        return np.add(by_colours, by_vectors, out=by_colours).T

    def predict(self, features: ArrayLike) -> np.ndarray:
        """Returns the most probable class.

        Args:
            features: float array `(n, num_colours + vector)`.

        Returns:
            Array `(n,)` of elements of `classes_`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if `features` contains NaN or infinity.
            ValueError: if `features` has another number of columns than in `fit`.
        """
        best = self.predict_proba(features).argmax(axis=1)
        return self.classes_[best]

    def _parts(self, num_features: int) -> tuple[range, range]:
        """Returns the indices of the features that are colours, and of those of the vector."""
        indices = range(num_features)
        return indices[: self.num_colours], indices[self.num_colours :]

    def _fit_linear(self, features: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fits the two logistic regressions and folds their standardisation into one linear map.

        Returns:
            Coefficients `(features, 2, classes)` and intercepts `(2, classes)`. A part without
            features has zeros, which are equal probabilities.
        """
        num_classes = len(np.unique(y))
        coefficients = np.zeros((features.shape[1], 2, num_classes), features.dtype)
        intercepts = np.zeros((2, num_classes), features.dtype)
        # On so few numbers threads would only wait for each other.
        with threadpool_limits(1, user_api="blas"):
            for index, (part, penalty) in enumerate(
                zip(self._parts(features.shape[1]), INVERSE_PENALTIES, strict=True)
            ):
                if not part:
                    continue
                columns = slice(part.start, part.stop)
                scaler = StandardScaler()
                regression = LogisticRegression(C=penalty, max_iter=300)
                regression.fit(scaler.fit_transform(features[:, columns]), y)
                # With two classes scikit-learn stores the coefficients of the second alone.
                stored = slice(1, 2) if num_classes == 2 else slice(None)
                scaled = (regression.coef_ / scaler.scale_).T
                coefficients[columns, index, stored] = scaled
                intercepts[index, stored] = regression.intercept_ - scaler.mean_ @ scaled
        return coefficients, intercepts

    def _fit_forest(self, features: np.ndarray, y: np.ndarray) -> RandomForestClassifier:
        forest = RandomForestClassifier(self.num_trees, random_state=self.seed)
        return forest.fit(features[:, self.num_colours :], y)

    def _cross_validate(
        self, features: np.ndarray, y: np.ndarray, groups: np.ndarray, with_forest: bool
    ) -> tuple[np.ndarray, bool]:
        """Returns cross-validated probabilities of the true classes.

        Args:
            features: float array `(n, features)`.
            y: array `(n,)`.
            groups: int array `(n,)`.
            with_forest: bool; True fits forests to compare them with the regressions on vectors.

        Returns:
            Float64 array `(n, 2)`: the probability of each pixel's true class by colours and by
            vectors, 0 where its class or its fold could not be predicted. And whether forests
            predict more labels correctly than the regressions on vectors.
        """
        _, fold = np.unique(groups, return_inverse=True)
        fold %= FOLDS
        likelihoods, lead = np.zeros((len(y), 2)), 0
        _, vectors = self._parts(features.shape[1])
        for number in range(fold.max() + 1):
            train = fold != number
            known = np.unique(y[train])
            # A class that only occurs in this fold can't be predicted by either part.
            test = ~train & np.isin(y, known)
            if len(known) < 2 or not test.any():
                continue
            linear = self._fit_linear(features[train], y[train])
            probabilities = _linear_probabilities(linear, features[test])
            truth = np.searchsorted(known, y[test])
            likelihoods[test] = probabilities[:, truth, np.arange(len(truth))].T
            if with_forest and vectors:
                forest = self._fit_forest(features[train], y[train])
                correct = forest.predict(features[test][:, self.num_colours :]) == y[test]
                lead += np.sum(correct) - np.sum(probabilities[1].argmax(0) == truth)
        return likelihoods, lead > 0


def _linear_probabilities(
    linear: tuple[np.ndarray, np.ndarray], features: np.ndarray
) -> np.ndarray:
    """Returns probabilities `(2, classes, n)`, by colours and by vectors."""
    coefficients, intercepts = linear
    # Sums over the few classes are several times as fast along the first axes.
    logits = np.tensordot(coefficients, features, (0, 1))
    logits += intercepts[:, :, None]
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


def _mixture_weights(likelihoods: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Returns the weights `(parts,)` of the most likely mixture, by expectation maximisation.

    Laplace's rule: each part is given one additional label that it alone predicts.

    Args:
        likelihoods: float array `(n, parts)`, probabilities of the true classes.
        counts: float array `(n,)`, how much each label counts.
    """
    parts = likelihoods.shape[1]
    likelihoods = np.maximum(likelihoods, MIN_LIKELIHOOD)
    weights = np.full(parts, 1 / parts)
    for _ in range(EM_STEPS):
        shares = weights * likelihoods
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (counts @ shares + 1) / (counts.sum() + parts)
    return weights
