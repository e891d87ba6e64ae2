"""How well held-out labels are predicted, and which class is taken for which."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from umbed_keras.segmentation.few_labels import held_out_folds


@dataclass(frozen=True)
class HeldOut:
    """The predictions of labelled pixels by classifiers that did not learn from their strokes.

    Attributes:
        classes: int array of the sorted classes.
        confusion: int array `(classes, classes)`: how many pixels of the class of the row are
            predicted as the class of the column.
        not_predicted: int, labelled pixels that could not be held out, as those of a class that has
            labels in one image only.

    Examples:
        >>> held_out = HeldOut(np.array([1, 5]), np.array([[9, 1], [4, 6]]), not_predicted=0)
        >>> held_out.accuracy, held_out.recall.tolist()
        (0.75, [0.9, 0.6])
        >>> held_out.confusions()
        [(5, 1, 0.4), (1, 5, 0.1)]
    """

    classes: np.ndarray
    confusion: np.ndarray
    not_predicted: int

    @property
    def accuracy(self) -> float:
        """The share of the pixels that are predicted correctly; NaN if none could be held out."""
        total = self.confusion.sum()
        return float(np.trace(self.confusion) / total) if total else float("nan")

    @property
    def recall(self) -> np.ndarray:
        """The share of each class's pixels that are predicted as the class, or NaN."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precision(self) -> np.ndarray:
        """The share of the pixels predicted as each class that belong to it, or NaN."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=0))

    def confusions(self) -> list[tuple[int, int, float]]:
        """Lists which class is taken for which, the most frequent first.

        Returns:
            List of the true class, the predicted class, and the share of the true class's pixels
            that are predicted so.
        """
        shares = _shares(self.confusion, self.confusion.sum(axis=1, keepdims=True))
        pairs = np.argwhere((self.confusion > 0) & ~np.eye(len(self.classes), dtype=bool))
        listed = [
            (int(self.classes[true]), int(self.classes[predicted]), float(shares[true, predicted]))
            for true, predicted in pairs
        ]
        return sorted(listed, key=lambda pair: -pair[2])


def held_out(
    classifier: Any, features: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> HeldOut:
    """Predicts labelled pixels by classifiers that did not learn from their groups.

    Args:
        classifier: fitted scikit-learn classifier. What it knows from its own folds, as
            `FewLabelsClassifier` does, is not computed again; clones of any other one are fitted.
        features: float array `(n, features)`, what it was fitted to.
        labels: int array `(n,)`, the classes.
        groups: int array `(n,)`; pixels of one group are held out together.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> features, labels = np.array([[0.0], [0.1], [1.0], [1.1]] * 2), np.repeat([3, 8], 2)
        >>> labels = np.tile(labels, 2)
        >>> classifier = GaussianNB().fit(features, labels)
        >>> held_out(classifier, features, labels, np.repeat([0, 1], 4)).confusion.tolist()
        [[4, 0], [0, 4]]
    """
    classes = classifier.classes_
    predicted = np.full(len(labels), -1)
    if hasattr(classifier, "held_out_proba"):
        probabilities = classifier.held_out_proba(features, labels, groups)
        known = ~np.isnan(probabilities[:, 0])
        predicted[known] = probabilities[known].argmax(axis=1)
    else:
        for train, test in held_out_folds(labels, groups):
            fold = clone(classifier).fit(features[train], labels[train])
            predicted[test] = np.searchsorted(classes, fold.predict(features[test]))
    known = predicted >= 0
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (np.searchsorted(classes, labels[known]), predicted[known]), 1)
    return HeldOut(classes, confusion, int(np.sum(~known)))


def _shares(parts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return np.divide(parts, totals, out=np.full(parts.shape, np.nan), where=totals > 0)
