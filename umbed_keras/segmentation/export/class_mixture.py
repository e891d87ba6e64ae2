"""Fitted classifiers of features as layers of Keras."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from umbed_keras.configs import with_parts
from umbed_keras.segmentation.export.tree_ensemble import TreeEnsemble
from umbed_keras.segmentation.few_labels import FewLabelsClassifier
from umbed_keras.typing import Tensor

_EXPORTED = (
    "None (the default), `FewLabelsClassifier`, `LogisticRegression`, `RandomForestClassifier`, "
    "`ExtraTreesClassifier`, and a pipeline of `StandardScaler` and `LogisticRegression`"
)
# Difference between probabilities that is more than rounding of float32.
_TOLERANCE = 1e-3


class Part(NamedTuple):
    """A layer from features to class probabilities, as a part of a mixture.

    Args:
        weight: float, share of its probabilities.
        first: int, the first feature that the layer takes; it takes all that follow.
        layer: `keras.layers.Dense` with softmax, or `TreeEnsemble`.

    Examples:
        >>> Part(0.5, 3, keras.layers.Dense(2, "softmax")).first
        3
    """

    weight: float
    first: int
    layer: keras.layers.Layer


@keras.saving.register_keras_serializable(package="umbed_keras")
class ClassMixture(keras.layers.Layer):
    """Mixes the class probabilities of several layers.

    Args:
        num_features: int, number of features of a sample.
        parts: sequence of `Part`.
        **kwargs: further arguments of `keras.layers.Layer`.

    Call arguments:
        features: float32 tensor `(n, features)`.

    A call returns a float32 tensor `(n, classes)`.

    Examples:
        >>> labels = np.repeat([1, 2], 20)
        >>> features = np.random.default_rng(0).normal(size=(40, 7)).astype("float32")
        >>> features[:, 3:] += 3 * labels[:, None]
        >>> classifier = FewLabelsClassifier(num_trees=5).fit(features, labels)
        >>> layer = class_mixture(classifier, features)
        >>> probabilities = keras.ops.convert_to_numpy(layer(features))
        >>> bool(np.allclose(probabilities, classifier.predict_proba(features), atol=1e-5))
        True
    """

    def __init__(self, num_features: int, parts: Sequence[Part], **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_features = int(num_features)
        self.weights_of_parts = [float(part.weight) for part in parts]
        self.first_features = [int(part.first) for part in parts]
        self.parts = [part.layer for part in parts]
        for layer, first in zip(self.parts, self.first_features, strict=True):
            if not layer.built:
                layer.build((None, self.num_features - first))

    def call(self, features: Tensor) -> Tensor:
        """Computes class probabilities `(n, classes)` of features `(n, features)`."""
        parts = zip(self.weights_of_parts, self.first_features, self.parts, strict=True)
        weighted = [weight * layer(features[:, first:]) for weight, first, layer in parts]
        return sum(weighted[1:], weighted[0])

    def get_config(self) -> dict[str, Any]:
        parts = zip(self.weights_of_parts, self.first_features, self.parts, strict=True)
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "num_features": self.num_features,
            "parts": [
                {"weight": weight, "first": first, "layer": serialize(layer)}
                for weight, first, layer in parts
            ],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ClassMixture":
        parts = [Part(**with_parts(part, "layer")) for part in config["parts"]]
        return cls(**{**config, "parts": parts})


def class_mixture(classifier: Any, features: np.ndarray) -> ClassMixture:
    """Returns a layer that computes the probabilities of a fitted classifier.

    Args:
        classifier: fitted `FewLabelsClassifier`, or one of some classifiers of scikit-learn.
        features: float32 array `(n, features)`, with which the layer is checked.

    Raises:
        ValueError: if the classifier is of another kind, or computes its probabilities in another
            way than such classifiers do by default.

    Examples:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> class_mixture(GaussianNB().fit([[0.0], [1.0]], [1, 2]), np.zeros((1, 1)))
        Traceback (most recent call last):
        ValueError: A `PixelClassifier` with `classifier=GaussianNB()` can't be exported. ...
    """
    parts = _parts_of(classifier)
    refusal = f"A `PixelClassifier` with `classifier={classifier!r}` can't be exported"
    if parts is None:
        raise ValueError(f"{refusal}. What can be exported is {_EXPORTED}.")
    layer = ClassMixture(features.shape[1], parts)
    difference = ops.convert_to_numpy(layer(features)) - classifier.predict_proba(features)
    if not np.abs(difference).max() < _TOLERANCE:
        raise ValueError(
            f"{refusal}: it computes its probabilities in another way than {_EXPORTED} do with "
            f"their default options; they differ by up to {np.abs(difference).max():.3g}."
        )
    return layer


def _parts_of(classifier: Any) -> list[Part] | None:
    """Returns the parts of a classifier, or None if it is of no known kind."""
    kind = type(classifier)
    if kind is FewLabelsClassifier:
        parts = [
            Part(weight, 0, _linear(coefficients, intercepts))
            for weight, coefficients, intercepts in classifier.linear_parts()
        ]
        if classifier.forest:
            weight, forest = classifier.weights_[1] / 2, classifier.forest
            parts.append(Part(weight, classifier.num_colours, _forest(forest)))
        return [part for part in parts if part.weight > 0]
    if kind is LogisticRegression:
        return [Part(1.0, 0, _logistic(classifier, 0.0, 1.0))]
    if kind in (RandomForestClassifier, ExtraTreesClassifier):
        return [Part(1.0, 0, _forest(classifier))]
    if kind is Pipeline:
        steps = [step for _, step in classifier.steps]
        if [type(step) for step in steps] == [StandardScaler, LogisticRegression]:
            scaler, regression = steps
            mean = scaler.mean_ if scaler.with_mean else 0.0
            scale = scaler.scale_ if scaler.with_std else 1.0
            return [Part(1.0, 0, _logistic(regression, mean, scale))]
    return None


def _logistic(regression: Any, mean: Any, scale: Any) -> keras.layers.Dense:
    coefficients = (regression.coef_ / scale).T
    intercepts = regression.intercept_ - np.broadcast_to(mean, len(coefficients)) @ coefficients
    if len(regression.classes_) == 2:  # scikit-learn stores the second class alone
        coefficients = np.concatenate([0 * coefficients, coefficients], axis=1)
        intercepts = np.concatenate([0 * intercepts, intercepts])
    return _linear(coefficients, intercepts)


def _linear(coefficients: np.ndarray, intercepts: np.ndarray) -> keras.layers.Dense:
    layer = keras.layers.Dense(len(intercepts), "softmax", dtype="float32")
    layer.build((None, len(coefficients)))
    layer.set_weights([coefficients, intercepts])
    return layer


def _forest(forest: Any) -> TreeEnsemble:
    return TreeEnsemble.from_trees([tree.tree_ for tree in forest.estimators_])
