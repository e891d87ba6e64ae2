"""Weights of a model: whether they are finite, and their hash."""

from typing import Any

import keras
import numpy as np
from keras import ops


def check_finite(model: keras.Model, stored: keras.Model) -> None:
    """Checks that the weights of a model are finite, as they are and as they are stored.

    Args:
        model: Keras model.
        stored: the same model, or a copy of another dtype.

    Raises:
        ValueError: if a weight is not finite, with its name.

    Examples:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> check_finite(model, model)
        >>> model.set_weights([np.full((2, 1), np.nan), np.zeros(1)])
        >>> check_finite(model, model)
        Traceback (most recent call last):
        ValueError: The weight '...kernel' is NaN or infinite, and so would be what it gives.
    """
    for weight, copy in zip(model.weights, stored.weights, strict=True):
        if not _is_finite(copy):
            here = f" in {copy.dtype}" if _is_finite(weight) else ", and so would be what it gives"
            raise ValueError(f"The weight {weight.path!r} is NaN or infinite{here}.")


def _is_finite(weight):
    """Returns whether all values of a weight are finite."""
    # JAX warns of float64, and NumPy does not know bfloat16.
    values = weight.value
    if keras.backend.standardize_dtype(values.dtype) == "bfloat16":
        values = ops.cast(values, "float32")
    return bool(np.isfinite(ops.convert_to_numpy(values)).all())


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
