"""Pareto fronts of two quantities."""

import numpy as np

from umbed_keras.typing import ArrayLike


def pareto_front(costs: ArrayLike, values: ArrayLike) -> np.ndarray:
    """Returns the indices of the points with a higher value than all cheaper ones.

    Args:
        costs: floats `(n,)`; lower is better.
        values: floats `(n,)`; higher is better.

    Returns:
        Integer array of indices, by rising cost.

    Examples:
        >>> from umbed_keras.ops.pareto import pareto_front
        >>> pareto_front([3.0, 1.0, 2.0, 4.0], [5.0, 4.0, 6.0, 7.0]).tolist()
        [1, 2, 3]
    """
    costs, values = np.asarray(costs), np.asarray(values)
    order = np.lexsort((-values, costs))
    best = np.maximum.accumulate(values[order])
    better = np.ones(len(order), bool)
    better[1:] = best[1:] > best[:-1]
    return order[better]
