"""Self-training: a classifier learns from pixels of which it is confident."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from umbed_keras.segmentation.few_labels import FewLabelsClassifier

# Pixels of a plane that are looked at.
POSITIONS = 20_000
# Guessed pixels of a class that are learned, over all planes.
GUESSES = 200
# How often a labelled pixel counts.
_LABEL_WEIGHT = 3
# The share of a class's former hits on labelled pixels that must be left.
_LEAST_HITS = 0.5


class Guesses(NamedTuple):
    """Pixels without a label, with the classes that a classifier is confident of.

    Args:
        labels: int array `(n,)`, the classes.
        features: float32 array `(n, features)`.

    Examples:
        >>> guesses = Guesses(np.array([1, 2]), np.zeros((2, 35), "float32"))
        >>> guesses.features.shape
        (2, 35)
    """

    labels: np.ndarray
    features: np.ndarray


def positions(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Draws the pixels of a plane that are looked at.

    Args:
        height, width: ints, size of the plane.
        seed: int, random seed.

    Returns:
        Int array `(2, at most POSITIONS)` of rows and columns, row by row.

    Examples:
        >>> positions(2, 3).tolist()
        [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]
    """
    count = height * width
    if count <= POSITIONS:
        chosen = np.arange(count)
    else:
        # Drawn with repetition, as a list of all pixels may not fit into memory.
        chosen = np.unique(np.random.default_rng(seed).integers(count, size=POSITIONS))
    return np.stack(np.divmod(chosen, width))


def confident_guesses(
    probabilities: np.ndarray, features: np.ndarray, classes: np.ndarray, seed: int = 0
) -> Guesses:
    """Chooses pixels that are more certain than half of those of their class.

    Equally many pixels of every class, as far as there are any, keep one class from growing at the
    cost of others.

    Args:
        probabilities: float array `(n, classes)`, NaN where there are no data.
        features: float32 array `(n, features)`.
        classes: int array `(classes,)`.
        seed: int, random seed.

    Returns:
        At most `GUESSES` guesses of each class.

    Examples:
        >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
        >>> confident_guesses(probabilities, np.zeros((3, 5)), np.array([4, 7])).labels.tolist()
        [4, 7]
    """
    random = np.random.default_rng(seed)
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    best = probabilities[known].argmax(axis=1)
    certainty = probabilities[known, best]
    chosen = [np.zeros(0, int)]
    for number in range(len(classes)):
        own = best == number
        if own.any():
            sure = known[own & (certainty >= np.median(certainty[own]))]
            chosen.append(np.sort(random.permutation(sure)[:GUESSES]))
    indices = np.concatenate(chosen)
    return Guesses(classes[probabilities[indices].argmax(axis=1)], features[indices])


def taught(
    classifier: FewLabelsClassifier,
    features: np.ndarray,
    labels: np.ndarray,
    guesses: Sequence[Guesses],
) -> FewLabelsClassifier:
    """Returns a classifier that has learned from guesses beside the labelled pixels.

    Labelled pixels count three times. If a class's labelled pixels are recognised less than half
    as often as before, the guesses were wrong, and `classifier` is returned as it is.

    Args:
        classifier: the fitted classifier.
        features: float array `(n, features)` of the labelled pixels.
        labels: int array `(n,)`, their classes.
        guesses: `Guesses` of each plane, which share the `GUESSES` of a class evenly.

    Examples:
        >>> labels = np.repeat([1, 2], 20)
        >>> features = np.random.default_rng(0).normal(size=(40, 7)) + 3 * labels[:, None]
        >>> classifier = FewLabelsClassifier().fit(features, labels)
        >>> guesses = [Guesses(labels, features + 0.5)]
        >>> taught(classifier, features, labels, guesses).predict(features[::39]).tolist()
        [1, 2]
    """
    most = max(1, GUESSES // max(1, len(guesses)))
    parts = [_first_of_each(part, most, classifier.classes_) for part in guesses]
    every = Guesses(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    student = classifier.refitted(
        np.concatenate([features, every.features]),
        np.concatenate([labels, every.labels]),
        np.repeat([float(_LABEL_WEIGHT), 1.0], [len(labels), len(every.labels)]),
    )
    before, after = (model.predict(features) == labels for model in (classifier, student))
    for label in classifier.classes_:
        own = labels == label
        if after[own].sum() < _LEAST_HITS * before[own].sum():
            return classifier
    return student


def _first_of_each(guesses: Guesses, most: int, classes: np.ndarray) -> Guesses:
    """Returns at most so many guesses of each of the classes, spread over those there are."""
    chosen = [np.zeros(0, int)]
    for label in classes:
        own = np.flatnonzero(guesses.labels == label)
        if len(own) > most:
            own = own[np.linspace(0, len(own) - 1, most).astype(int)]
        chosen.append(own)
    indices = np.concatenate(chosen)
    return Guesses(guesses.labels[indices], guesses.features[indices])
