"""One image or several, in whichever arrangement they come."""

import numpy as np

from umbed_keras.images.arrays import to_host


def as_list(arrays, name, rank=3):
    """Images, or what belongs to their pixels, as a list, and the way back.

    Args:
        arrays: one array of at most `rank` axes; a list of such, of any sizes; or a batch.
        name: the argument's, for an error.
        rank: int.

    Returns:
        A list of NumPy arrays, and a function that arranges a list of results as `arrays` are.

    Raises:
        ValueError: none at all.
    """
    if isinstance(arrays, list | tuple):
        found, arrange = [to_host(array) for array in arrays], list
    else:
        array = to_host(arrays)
        alone = array.ndim <= rank
        found, arrange = ([array], _only) if alone else (list(array), np.stack)
    if not found:
        raise ValueError(f"`{name}` must not be empty.")
    return found, arrange


def _only(results):
    return results[0]
