import keras
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from umbed_keras.segmentation.export.tree_ensemble import TreeEnsemble


@pytest.mark.every_backend
def test_forests_of_any_depth_give_what_scikit_learn_gives():
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 5)).astype("float32")
    labels = (features[:, 0] > 0) + 2 * (features[:, 1] * features[:, 2] > 0.3)
    for options in ({}, {"max_depth": 1}, {"max_leaf_nodes": 9}):
        forest = RandomForestClassifier(7, random_state=0, **options).fit(features, labels)
        layer = TreeEnsemble.from_trees([tree.tree_ for tree in forest.estimators_])
        others = random.normal(size=(200, 5)).astype("float32")
        probabilities = keras.ops.convert_to_numpy(layer(others))
        np.testing.assert_allclose(probabilities, forest.predict_proba(others), atol=1e-6)


def test_thresholds_between_two_float32_numbers_decide_as_float64():
    # The threshold, the mean of the two, is no float32 and rounds up to the larger one.
    values = np.array([[1000 + 2**-14], [1000 + 2**-13]], "float32")
    tree = DecisionTreeClassifier().fit(values, [0, 1])
    assert np.float32(tree.tree_.threshold[0]) == values[1]
    probabilities = keras.ops.convert_to_numpy(TreeEnsemble.from_trees([tree.tree_])(values))
    assert probabilities.tolist() == [[1, 0], [0, 1]]


def test_a_tree_of_one_leaf():
    tree = DecisionTreeClassifier(max_depth=1).fit([[1.0], [1.0]], [0, 1])
    assert tree.tree_.node_count == 1
    layer = TreeEnsemble.from_trees([tree.tree_])
    assert (
        keras.ops.convert_to_numpy(layer(np.ones((3, 1), "float32"))).tolist() == [[0.5, 0.5]] * 3
    )
