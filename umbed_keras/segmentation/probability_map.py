"""Maps of class probabilities over an image."""

from typing import Any

import numpy as np
from scipy.stats import entropy

from umbed_keras.segmentation.smoothing import Smoothing

# Pixels that are classified at once, which bounds memory.
_CHUNK = 1 << 18


def probability_map(
    classifier: Any, features: np.ndarray, smoothing: Smoothing, guide: np.ndarray
) -> np.ndarray:
    """Computes the class probabilities of every pixel, smoothed.

    Args:
        classifier: fitted scikit-learn classifier with `predict_proba`.
        features: float32 array `(height, width, features)`, NaN where there are no data.
        smoothing: the filter.
        guide: float32 array `(height, width, channels)` that may guide the filter.

    Returns:
        Float32 array `(height, width, classes)`, in the order of `classifier.classes_`; NaN where
        there are no data.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from umbed_keras.segmentation.smoothing import GaussianSmoothing
        >>> features = np.zeros((4, 6, 1), "float32")
        >>> features[:, 3:] = 1
        >>> classifier = GaussianNB().fit(features.reshape(-1, 1), [5, 5, 5, 9, 9, 9] * 4)
        >>> probabilities = probability_map(classifier, features, GaussianSmoothing(1.0), features)
        >>> probabilities.shape
        (4, 6, 2)
        >>> classifier.classes_[probabilities[0].argmax(axis=-1)].tolist()
        [5, 5, 5, 9, 9, 9]
    """
    height, width, _ = features.shape
    probabilities = np.zeros((height, width, len(classifier.classes_)), "float32")
    valid = np.isfinite(features).all(axis=-1)
    step = max(1, _CHUNK // width)
    for start in range(0, height, step):
        rows = slice(start, start + step)
        inside = valid[rows]
        if inside.all():
            flat = classifier.predict_proba(features[rows].reshape(-1, features.shape[-1]))
            probabilities[rows] = flat.reshape(*inside.shape, -1)
        elif inside.any():
            probabilities[rows][inside] = classifier.predict_proba(features[rows][inside])
    probabilities = smoothing(probabilities, guide, valid)
    probabilities[~valid] = np.nan
    return probabilities


def relative_entropy(probabilities: np.ndarray) -> np.ndarray:
    """Computes the entropy of probabilities, divided by that of equally likely classes.

    Args:
        probabilities: float array `(..., classes)`.

    Returns:
        Float32 array `(...)` with values in 0..1.

    Examples:
        >>> relative_entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
        [1.0, 0.0]
    """
    maximum = np.log(probabilities.shape[-1])
    return (entropy(probabilities, axis=-1) / maximum).astype("float32")
