"""Decision trees as tensors."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.exporting import exporting, gather, take
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class TreeEnsemble(keras.layers.Layer):
    """Averages the class probabilities that decision trees give.

    All samples go down all trees in step, `depth` times. Siblings stand side by side, so that a
    node needs one index; a leaf is its own left child and has a threshold that all values pass.

    Args:
        num_nodes: int, number of nodes of all trees.
        num_trees: int.
        depth: int, the largest depth of a tree.
        num_classes: int.
        **kwargs: further arguments of `keras.layers.Layer`.

    Call arguments:
        features: float32 tensor `(n, features)`.

    A call returns a float32 tensor `(n, classes)`.

    Examples:
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> tree = DecisionTreeClassifier().fit([[0.0], [1.0]], [4, 9])
        >>> layer = TreeEnsemble.from_trees([tree.tree_])
        >>> layer.num_nodes, layer.depth
        (3, 1)
        >>> keras.ops.convert_to_numpy(layer(np.float32([[0.2], [0.8]]))).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self, num_nodes: int, num_trees: int, depth: int, num_classes: int, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_nodes, self.num_trees = int(num_nodes), int(num_trees)
        self.depth, self.num_classes = int(depth), int(num_classes)

    def build(self, input_shape: Shape | None = None) -> None:
        def weight(name, shape, dtype):
            options = {"initializer": "zeros", "trainable": False, "autocast": False}
            return self.add_weight(shape=shape, dtype=dtype, name=name, **options)

        self.feature = weight("feature", (self.num_nodes,), "int32")
        self.threshold = weight("threshold", (self.num_nodes,), "float32")
        self.left = weight("left", (self.num_nodes,), "int32")
        self.values = weight("values", (self.num_nodes, self.num_classes), "float32")
        self.roots = weight("roots", (self.num_trees,), "int32")

    @classmethod
    def from_trees(cls, trees: Sequence[Any]) -> "TreeEnsemble":
        """Returns the ensemble of fitted trees.

        Args:
            trees: attributes `tree_` of scikit-learn's classifiers.
        """
        parts, start = [], 0
        for tree in trees:
            parts.append(_as_arrays(tree, start))
            start += tree.node_count
        arrays = [np.concatenate(part) for part in zip(*parts, strict=True)]
        depth = max(tree.max_depth for tree in trees)
        layer = cls(start, len(trees), depth, arrays[-2].shape[1])
        layer.build()
        layer.built = True
        layer.set_weights(arrays)
        return layer

    def call(self, features: Tensor) -> Tensor:
        """Computes class probabilities `(n, classes)` of features `(n, features)`."""
        # PyTorch's indices have 64 bits.
        kind = "int64" if exporting() else "int32"
        feature, left, roots = (
            ops.cast(ops.convert_to_tensor(part), kind)
            for part in (self.feature, self.left, self.roots)
        )
        threshold, values = map(ops.convert_to_tensor, (self.threshold, self.values))
        count = ops.shape(features)[0]
        nodes = ops.reshape(ops.zeros_like(features[:, :1], kind) + roots, (-1,))
        for _ in range(self.depth):
            columns = ops.reshape(gather(feature, nodes, 0), (count, self.num_trees))
            compared = ops.reshape(gather(features, columns, 1), (-1,))
            right = ops.cast(compared > gather(threshold, nodes, 0), kind)
            nodes = gather(left, nodes, 0) + right
        by_tree = ops.reshape(take(values, nodes, 0), (count, self.num_trees * self.num_classes))
        # A product is several times as fast as a mean over an axis in the middle.
        mean = np.tile(np.eye(self.num_classes), (self.num_trees, 1)) / self.num_trees
        return ops.matmul(by_tree, ops.convert_to_tensor(mean, "float32"))

    def get_config(self) -> dict[str, Any]:
        names = ("num_nodes", "num_trees", "depth", "num_classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _as_arrays(tree: Any, start: int) -> tuple[np.ndarray, ...]:
    """Returns the weights of one tree, whose nodes are numbered from `start`."""
    inner = tree.children_left >= 0
    position, rank = np.zeros(tree.node_count, int), np.cumsum(inner)[inner]
    position[tree.children_left[inner]] = 2 * rank - 1
    position[tree.children_right[inner]] = 2 * rank
    # float32 values exceed the threshold, a float64, if they exceed the next float32 below it.
    threshold = tree.threshold.astype("float32")
    below = np.nextafter(threshold, np.float32(-np.inf))
    threshold = np.where(threshold > tree.threshold, below, threshold)
    shares = tree.value[:, 0] / tree.value[:, 0].sum(axis=1, keepdims=True)
    order = np.argsort(position)
    left = np.where(inner, position[tree.children_left], position)
    return (
        np.where(inner, tree.feature, 0)[order].astype("int32"),
        np.where(inner, threshold, np.inf)[order].astype("float32"),
        (start + left[order]).astype("int32"),
        shares[order].astype("float32"),
        np.array([start], "int32"),
    )
