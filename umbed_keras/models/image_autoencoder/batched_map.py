"""Functions of batches, run over arrays of any length."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.ops.checks import check_integers


def batched_map(function: Callable[[Any], Any], arrays: Any, batch_size: int) -> Any:
    """Applies a function to batches of arrays and concatenates the results.

    Args:
        function: function of an array `(batch, ...)`, or of a structure of such arrays. It returns
            a tensor, or a structure of tensors, with the same first axis.
        arrays: NumPy array `(n, ...)`, or a structure of such arrays. `n` may be 0.
        batch_size: int, length of a batch; the last one may be shorter.

    Returns:
        NumPy arrays `(n, ...)` in the structure that `function` returns.

    Raises:
        ValueError: if `batch_size` is not an integer of at least 1.

    Examples:
        >>> batched_map(lambda numbers: 2 * numbers, np.arange(5), batch_size=2).tolist()
        [0, 2, 4, 6, 8]
    """
    check_integers(batch_size=(1, batch_size))
    count = len(keras.tree.flatten(arrays)[0])
    if not count:
        # Not every backend convolves an empty batch. One element shows the shapes of the results.
        one = keras.tree.map_structure(
            lambda array: np.zeros((1, *array.shape[1:]), array.dtype), arrays
        )
        return keras.tree.map_structure(lambda array: array[:0], batched_map(function, one, 1))
    results = []
    for start in range(0, count, int(batch_size)):
        batch = keras.tree.map_structure(
            lambda array, part=slice(start, start + int(batch_size)): array[part], arrays
        )
        results.append(keras.tree.map_structure(ops.convert_to_numpy, function(batch)))
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *results)
