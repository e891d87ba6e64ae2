"""Hashes of a model's weights."""

from typing import Any

import keras
from keras import ops


def update_by_weights(digest: Any, model: keras.Model) -> None:
    """Updates a hash by all weights of a model, in the same way on every backend.

    Args:
        digest: hash object of `hashlib`.
        model: the model, whose weights are read as float32 in their order.

    Examples:
        >>> import hashlib
        >>> digest = hashlib.sha256()
        >>> update_by_weights(digest, keras.Sequential([keras.layers.ReLU()]))
        >>> digest.hexdigest() == hashlib.sha256().hexdigest()  # without weights
        True
    """
    for weight in model.weights:
        digest.update(ops.convert_to_numpy(ops.cast(weight, "float32")).tobytes())
