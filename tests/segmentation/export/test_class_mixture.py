import keras
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from umbed_keras.segmentation import FewLabelsClassifier
from umbed_keras.segmentation.export.class_mixture import class_mixture


def data(classes, count=40):
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes
    features = random.normal(size=(count, 7)).astype("float32")
    return features + labels[:, None] * random.normal(size=7).astype("float32"), labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "classifier",
    [
        FewLabelsClassifier(),
        FewLabelsClassifier(num_colours=0),
        FewLabelsClassifier(num_colours=7),
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        RandomForestClassifier(5, random_state=0),
        ExtraTreesClassifier(5, random_state=0),
    ],
    ids=str,
)
def test_probabilities_are_those_of_the_classifier(classifier, classes):
    features, labels = data(classes)
    layer = class_mixture(classifier.fit(features, labels), features)
    others = data(classes, 300)[0]
    probabilities = keras.ops.convert_to_numpy(layer(others))
    np.testing.assert_allclose(probabilities, classifier.predict_proba(others), atol=2e-6)


@pytest.mark.parametrize("with_forest", [False, True])
def test_a_mixture_with_and_without_a_forest(with_forest):
    features, labels = data(2, 240 if with_forest else 20)
    classifier = FewLabelsClassifier(num_trees=5).fit(features, labels)
    assert (classifier.forest is not None) == with_forest
    layer = class_mixture(classifier, features)
    assert len(layer.parts) == 2 + with_forest
    twin = type(layer).from_config(layer.get_config())
    twin.set_weights(layer.get_weights())
    for model in (layer, twin):
        probabilities = keras.ops.convert_to_numpy(model(features))
        np.testing.assert_allclose(probabilities, classifier.predict_proba(features), atol=2e-6)


@pytest.mark.parametrize(
    "classifier",
    [
        GaussianNB(),
        make_pipeline(StandardScaler(), GaussianNB()),
        OneVsRestClassifier(LogisticRegression()),
    ],
    ids=str,
)
def test_other_classifiers_are_refused_and_the_message_lists_those_that_are_not(classifier):
    features, labels = data(3)
    with pytest.raises(
        ValueError, match=r"can't be exported\. What can .*`RandomForestClassifier`"
    ):
        class_mixture(classifier.fit(features, labels), features)


def test_a_classifier_that_computes_otherwise_than_its_class_is_refused():
    features, labels = data(2)
    classifier = LogisticRegression().fit(features, labels)
    classifier.predict_proba = lambda features: np.full((len(features), 2), 0.5)
    with pytest.raises(ValueError, match="in another way"):
        class_mixture(classifier, features)
