"""How the strokes and classes of two projects become those of one."""

from collections.abc import Mapping

import numpy as np

from umbed_keras.segmentation.project.label_class import LabelClass
from umbed_keras.segmentation.project.runs import labels_of, runs_of


def class_numbers(
    ours: Mapping[int, LabelClass], theirs: Mapping[int, LabelClass]
) -> dict[int, int]:
    """Returns the numbers of another project's classes in this one.

    Args:
        ours, theirs: number to class.

    Returns:
        Number there to number here: that of the class of the same name, the same number if it is
        free, or the next free one.

    Examples:
        >>> red = (255, 0, 0)
        >>> ours = {1: LabelClass("cell", red), 2: LabelClass("sky", red)}
        >>> theirs = {1: LabelClass("sky", red), 2: LabelClass("tree", red)}
        >>> class_numbers(ours, theirs)
        {1: 2, 2: 3}
    """
    named = {given.name: number for number, given in ours.items()}
    result = {number: named[given.name] for number, given in theirs.items() if given.name in named}
    taken = set(ours)
    for number in theirs.keys() - result.keys():
        if number not in taken:
            result[number] = number
            taken.add(number)
    for number in sorted(theirs.keys() - result.keys()):
        result[number] = max(0, *taken) + 1
        taken.add(result[number])
    return dict(sorted(result.items()))


def merged_runs(
    ours: np.ndarray, theirs: np.ndarray, numbers: Mapping[int, int], shape: tuple[int, int]
) -> tuple[np.ndarray, int]:
    """Merges the strokes of a plane.

    Args:
        ours, theirs: runs.
        numbers: number of each of their classes here.
        shape: height and width of the plane.

    Returns:
        The runs of both, ours where both label a pixel, and how many of these pixels differ.

    Examples:
        >>> ours, theirs = np.array([[0, 2, 1]]), np.array([[1, 2, 5]])
        >>> merged, differing = merged_runs(ours, theirs, {5: 2}, (1, 4))
        >>> merged.tolist(), differing
        ([[0, 2, 1], [2, 1, 2]], 1)
    """
    theirs = theirs.copy()
    theirs[:, 2] = [numbers[label] for label in theirs[:, 2].tolist()]
    here, there = labels_of(ours, shape), labels_of(theirs, shape)
    differing = (here != 0) & (there != 0) & (here != there)
    return runs_of(np.where(here != 0, here, there)), int(differing.sum())
