"""Labels of a plane as runs of equal labels, which take little room."""

import numpy as np

# No label, of no pixel.
NO_RUNS = np.zeros((0, 3), "int64")


def runs_of(labels: np.ndarray) -> np.ndarray:
    """Returns the runs of equal labels of a plane, row after row.

    Args:
        labels: integers `(height, width)`, 0 where there is no label.

    Returns:
        int64 array `(runs, 3)`: the index of a run's first pixel in the flattened plane, the number
        of its pixels, and their label.

    Examples:
        >>> runs_of(np.array([[0, 5, 5], [5, 0, 2]])).tolist()
        [[1, 3, 5], [5, 1, 2]]
    """
    flat = np.asarray(labels, "int64").ravel()
    if not flat.size:
        return NO_RUNS
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff(np.concatenate([starts, [flat.size]]))
    runs = np.stack([starts, lengths, flat[starts]], axis=1)
    return runs[runs[:, 2] != 0]


def labels_of(runs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Returns the labels of a plane.

    Args:
        runs: what `runs_of` returned.
        shape: height and width.

    Returns:
        int64 array of this shape.

    Examples:
        >>> labels_of(np.array([[1, 3, 5], [5, 1, 2]]), (2, 3)).tolist()
        [[0, 5, 5], [5, 0, 2]]
    """
    flat = np.zeros(shape[0] * shape[1], "int64")
    for start, length, label in runs.tolist():
        flat[start : start + length] = label
    return flat.reshape(shape)


def rows_of(runs: np.ndarray, shape: tuple[int, int], rows: slice) -> np.ndarray:
    """Returns the labels of some rows of a plane that may be larger than memory.

    Args:
        runs: what `runs_of` returned.
        shape: height and width of the plane.
        rows: slice without a step.

    Returns:
        int64 array `(rows, width)`.

    Examples:
        >>> rows_of(np.array([[1, 4, 5]]), (3, 3), slice(1, 2)).tolist()
        [[5, 5, 0]]
    """
    width = shape[1]
    first, last = rows.start * width, rows.stop * width
    inside = _cut(runs, first, last)
    inside[:, 0] -= first
    return labels_of(inside, (rows.stop - rows.start, width))


def with_rows(
    runs: np.ndarray, shape: tuple[int, int], rows: slice, labels: np.ndarray
) -> np.ndarray:
    """Returns the runs of a plane of which some rows are replaced.

    Args:
        runs, shape, rows: as in `rows_of`.
        labels: integers `(rows, width)`.

    Returns:
        int64 array `(runs, 3)`, as `runs_of` returns it, but that runs end where `rows` do.

    Examples:
        >>> with_rows(np.array([[1, 4, 5]]), (3, 3), slice(1, 2), np.array([[0, 7, 7]])).tolist()
        [[1, 2, 5], [4, 2, 7]]
    """
    first, last = rows.start * shape[1], rows.stop * shape[1]
    new = runs_of(labels)
    new[:, 0] += first
    return np.concatenate([_cut(runs, 0, first), new, _cut(runs, last, shape[0] * shape[1])])


def _cut(runs: np.ndarray, first: int, last: int) -> np.ndarray:
    """The parts of runs between two indices, as a new array."""
    starts = np.maximum(runs[:, 0], first)
    lengths = np.minimum(runs[:, 0] + runs[:, 1], last) - starts
    inside = lengths > 0
    return np.stack([starts, lengths, runs[:, 2]], axis=1)[inside]


def check_runs(runs: np.ndarray, size: int) -> None:
    """Checks that runs lie in a plane, one after the other.

    Args:
        runs: int64 array `(runs, 3)`.
        size: number of pixels of the plane.

    Raises:
        ValueError: if they do not.

    Examples:
        >>> check_runs(np.array([[0, 4, 1], [3, 1, 2]]), 10)
        Traceback (most recent call last):
        ValueError: its strokes overlap or lie outside of their image
    """
    starts, lengths, labels = runs.T
    ends = np.concatenate([[0], starts + lengths])
    inside = (starts >= ends[:-1]).all() and (lengths > 0).all() and ends[-1] <= size
    # Sums that overflow are caught here.
    if not (inside and (starts < size).all() and (lengths <= size).all()):
        raise ValueError("its strokes overlap or lie outside of their image")
    if not (labels != 0).all():
        raise ValueError("its strokes have the label 0, which is none")
