"""A classifier of pixels that learns from very few labels."""

import copy
from collections.abc import Iterator
from typing import NamedTuple, Self

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
# From so many pixels on threads save more time than they take; a quarter where trees are grown.
_MANY = 8192
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
        self._folds, lead = self._cross_validate(features, y, groups, not many)
        colours, vectors = self._parts(features.shape[1])
        if colours and vectors:
            truth = np.searchsorted(self.classes_, y)
            likelihoods = self._folds.linear[np.arange(len(y)), :, truth]
            counts = np.ones(len(y)) if label_weights is None else np.asarray(label_weights)
            self.weights_ = _mixture_weights(likelihoods, counts)
        else:
            self.weights_ = np.array([bool(colours), bool(vectors)], "float64")
        self._linear = self._fit_linear(features, y)
        self._forest = self._fit_forest(features, y) if vectors and (many or lead > 0) else None
        return self

    def refitted(
        self, features: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Returns a classifier that is fitted to other pixels, with the weights of this one.

        Args:
            features: float array `(n, num_colours + vector)`.
            y: array `(n,)` of labels, of all classes of this classifier and no others.
            sample_weight: float array `(n,)`, how much each pixel counts; None is 1 for each.

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
        weights = None if sample_weight is None else np.asarray(sample_weight)
        twin._linear = self._fit_linear(features, y, weights)
        if self._forest:
            twin._forest = self._fit_forest(features, y, weights)
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
            forest = copy.copy(self._forest)
            forest.n_jobs = -1 if len(features) >= _MANY else None
            by_vectors += forest.predict_proba(features[:, self.num_colours :]).T
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

    def linear_parts(self) -> list[tuple[float, np.ndarray, np.ndarray]]:
        """Returns the two regressions: on colours, and on vectors.

        Returns:
            For each its weight in the mixture, its coefficients `(features, classes)`, 0 for
            features that it does not use, and its intercepts `(classes,)`.
        """
        coefficients, intercepts = self._linear
        # Beside a forest the regression on vectors counts half.
        shares = self.weights_ / (1, 2 if self._forest else 1)
        return [
            (float(share), coefficients[:, index], intercepts[index])
            for index, share in enumerate(shares)
        ]

    @property
    def forest(self) -> RandomForestClassifier | None:
        """The random forest on vectors, or None if there is none."""
        return self._forest

    def _parts(self, num_features: int) -> tuple[range, range]:
        """Returns the indices of the features that are colours, and of those of the vector."""
        indices = range(num_features)
        return indices[: self.num_colours], indices[self.num_colours :]

    def _fit_linear(
        self, features: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
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
                scaled = scaler.fit_transform(features[:, columns], sample_weight=weights)
                regression.fit(scaled, y, weights)
                # With two classes scikit-learn stores the coefficients of the second alone.
                stored = slice(1, 2) if num_classes == 2 else slice(None)
                scaled = (regression.coef_ / scaler.scale_).T
                coefficients[columns, index, stored] = scaled
                intercepts[index, stored] = regression.intercept_ - scaler.mean_ @ scaled
        return coefficients, intercepts

    def _fit_forest(
        self, features: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
    ) -> RandomForestClassifier:
        jobs = -1 if len(y) >= _MANY // 4 else None
        forest = RandomForestClassifier(self.num_trees, random_state=self.seed, n_jobs=jobs)
        return forest.fit(features[:, self.num_colours :], y, weights)

    def held_out_proba(
        self, features: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None
    ) -> np.ndarray:
        """Returns probabilities of labelled pixels by classifiers that did not learn their groups.

        The classifiers are those of the folds of `fit`. Only where `fit` used forests without
        comparing them, those of the folds are fitted now.

        Args:
            features, y, groups: what `fit` was given.

        Returns:
            Float64 array `(n, classes)`, in the order of `classes_`; NaN where a class or a fold
            could not be predicted, because no other fold has the class, or has two classes.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if `features` is not as long as those of `fit`.

        Examples:
            >>> labels = np.tile([1, 2], 20)
            >>> features = np.random.default_rng(0).normal(size=(40, 7)) + 3 * labels[:, None]
            >>> classifier = uk.segmentation.FewLabelsClassifier().fit(features, labels)
            >>> probabilities = classifier.held_out_proba(features, labels)
            >>> probabilities.shape, float(np.mean(probabilities.argmax(1) + 1 == labels))
            ((40, 2), 1.0)
        """
        check_is_fitted(self)
        features, y = validate_data(self, features, y, dtype=DTYPES, reset=False)
        linear, forest = self._folds
        if len(linear) != len(y):
            raise ValueError(
                f"`features` must be those of `fit`, {len(linear)} rows. Received: {len(y)}"
            )
        if self._forest and forest is None:
            groups = np.arange(len(y)) if groups is None else np.asarray(groups)
            forest = np.zeros(linear[:, 0].shape)
            for train, test in held_out_folds(y, groups):
                columns = np.flatnonzero(np.isin(self.classes_, y[train]))
                fitted = self._fit_forest(features[train], y[train])
                vectors = features[test][:, self.num_colours :]
                forest[np.ix_(test, columns)] = fitted.predict_proba(vectors)
        by_colours, by_vectors = linear[:, 0], linear[:, 1]
        if self._forest:
            by_vectors = (by_vectors + forest) / 2
        mixed = self.weights_[0] * by_colours + self.weights_[1] * by_vectors
        mixed[~linear.any(axis=(1, 2))] = np.nan
        return mixed

    def _cross_validate(
        self, features: np.ndarray, y: np.ndarray, groups: np.ndarray, with_forest: bool
    ) -> tuple["_Folds", int]:
        """Predicts pixels by classifiers of the other folds.

        Args:
            features: float array `(n, features)`.
            y: array `(n,)`.
            groups: int array `(n,)`.
            with_forest: bool; True fits forests to compare them with the regressions on vectors.

        Returns:
            The `_Folds`. And how many more labels forests predict correctly than the regressions
            on vectors do.
        """
        size, lead = len(self.classes_), 0
        _, vectors = self._parts(features.shape[1])
        compared = with_forest and vectors
        folds = _Folds(np.zeros((len(y), 2, size)), np.zeros((len(y), size)) if compared else None)
        for train, test in held_out_folds(y, groups):
            known = np.unique(y[train])
            columns = np.searchsorted(self.classes_, known)
            linear = self._fit_linear(features[train], y[train])
            probabilities = _linear_probabilities(linear, features[test])
            folds.linear[np.ix_(test, [0, 1], columns)] = np.moveaxis(probabilities, 2, 0)
            if compared:
                forest = self._fit_forest(features[train], y[train])
                by_forest = forest.predict_proba(features[test][:, self.num_colours :])
                folds.forest[np.ix_(test, columns)] = by_forest
                truth = np.searchsorted(known, y[test])
                lead += np.sum(by_forest.argmax(1) == truth)
                lead -= np.sum(probabilities[1].argmax(0) == truth)
        return folds, lead


class _Folds(NamedTuple):
    """Probabilities of pixels by classifiers of the other folds, 0 where there are none.

    Args:
        linear: float64 array `(n, 2, classes)`, by the regressions on colours and on vectors.
        forest: float64 array `(n, classes)`, by forests on vectors, or None.
    """

    linear: np.ndarray
    forest: np.ndarray | None


def held_out_folds(y: np.ndarray, groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the pixels to learn from and the pixels to predict of each fold.

    Args:
        y: array `(n,)` of labels.
        groups: int array `(n,)`; pixels of one group are held out together.

    Yields:
        Two int arrays of indices. Pixels whose class is in no other fold are not predicted, and a
        fold is left out if the others have fewer than two classes.

    Examples:
        >>> y, groups = np.array([4, 4, 9, 9]), np.array([0, 1, 0, 1])
        >>> [(train.tolist(), test.tolist()) for train, test in held_out_folds(y, groups)]
        [([1, 3], [0, 2]), ([0, 2], [1, 3])]
    """
    _, fold = np.unique(groups, return_inverse=True)
    fold %= FOLDS
    for number in range(fold.max() + 1):
        train = fold != number
        known = np.unique(y[train])
        test = ~train & np.isin(y, known)
        if len(known) >= 2 and test.any():
            yield np.flatnonzero(train), np.flatnonzero(test)


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
