"""Where to label next: uncertain pixels that differ from labelled ones and from each other."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

# Pixels of a plane that are candidates, at most, one in each cell of a grid.
_CANDIDATES = 1024
# The least side of a cell, and how near to a labelled or suggested pixel there is no suggestion,
# in pixels: a brush covers as much.
_CELL = 6
# The distance of standardised features, as root mean square, at which pixels differ.
_SCALE = 0.5
# Numbers that a block of distances has at most.
_BLOCK = 1 << 24


class Suggestion(NamedTuple):
    """A pixel to label next.

    Args:
        image: index of the image in a list or batch; 0 for one image.
        plane: index along the image's axes of time and depth; `()` for an image of one plane.
        row, col: position in the plane.
        uncertainty: from 0 to 1, as `PixelClassifier.uncertainty` returns it.

    Examples:
        >>> suggestion = Suggestion(0, (), 12, 40, 0.97)
        >>> suggestion.row, suggestion.col
        (12, 40)
    """

    image: int
    plane: tuple[int, ...]
    row: int
    col: int
    uncertainty: float


class Candidates(NamedTuple):
    """The pixels of a plane that may be suggested.

    Args:
        image: index of the image.
        plane: index of the plane.
        rows, cols: int arrays `(n,)`.
        uncertainty: float array `(n,)`.
        features: float array `(n, features)`.

    Examples:
        >>> none = np.zeros(0, int)
        >>> len(Candidates(0, (), none, none, none, np.zeros((0, 5))).rows)
        0
    """

    image: int
    plane: tuple[int, ...]
    rows: np.ndarray
    cols: np.ndarray
    uncertainty: np.ndarray
    features: np.ndarray


def candidates_of(
    uncertainty: np.ndarray,
    features: np.ndarray,
    labelled: tuple[np.ndarray, np.ndarray],
    image: int = 0,
    plane: tuple[int, ...] = (),
) -> Candidates:
    """Finds the most uncertain pixel of each cell of a grid, away from labelled ones.

    Args:
        uncertainty: float array `(height, width)`, NaN where there are no data.
        features: float array `(height, width, features)`.
        labelled: int arrays `(n,)`, rows and columns of labelled pixels.
        image, plane: as in `Suggestion`.

    Examples:
        >>> uncertainty = np.zeros((12, 24))
        >>> uncertainty[3, 4], uncertainty[9, 20] = 0.5, 0.25
        >>> labelled = np.array([3]), np.array([4])
        >>> candidates = candidates_of(uncertainty, np.zeros((12, 24, 5)), labelled)
        >>> best = candidates.uncertainty.argmax()
        >>> int(candidates.rows[best]), int(candidates.cols[best])
        (9, 20)
    """
    height, width = uncertainty.shape
    free = np.isfinite(uncertainty)
    if len(labelled[0]):
        unlabelled = np.ones((height, width), bool)
        unlabelled[labelled] = False
        free &= ndimage.distance_transform_edt(unlabelled) > _CELL
    cell = max(_CELL, int(np.ceil(np.sqrt(height * width / _CANDIDATES))))
    rows, cols = np.nonzero(free)
    cells = rows // cell * (width // cell + 1) + cols // cell
    # The first of each cell is the most uncertain one, and of equal ones the topmost.
    order = np.lexsort((-uncertainty[rows, cols], cells))
    _, first = np.unique(cells[order], return_index=True)
    rows, cols = rows[order[first]], cols[order[first]]
    return Candidates(image, plane, rows, cols, uncertainty[rows, cols], features[rows, cols])


def suggestions(
    candidates: Sequence[Candidates], labelled: np.ndarray, count: int
) -> list[Suggestion]:
    """Chooses candidates one after the other, each the most uncertain that differs from the others.

    The uncertainty of a candidate counts less the more its features resemble those of a labelled
    pixel or of a candidate that was chosen before, and not at all near the latter.

    Args:
        candidates: those of each plane.
        labelled: float array `(n, features)`, features of labelled pixels.
        count: the number of suggestions; there are fewer if there are too few pixels.

    Returns:
        List of `Suggestion`, the best first.

    Examples:
        >>> at, uncertainty = np.array([3, 40, 70]), np.array([0.8, 0.9, 0.85])
        >>> features = np.array([[1.0], [5.0], [5.0]])
        >>> candidates = Candidates(0, (), at, at, uncertainty, features)
        >>> [part.row for part in suggestions([candidates], np.array([[9.0]]), count=2)]
        [40, 3]
    """
    owner = np.repeat(np.arange(len(candidates)), [len(part.rows) for part in candidates])
    rows, cols, uncertainty = (
        np.concatenate([getattr(part, name) for part in candidates])
        for name in ("rows", "cols", "uncertainty")
    )
    features = np.concatenate([part.features for part in candidates]).astype("float64")
    every = np.concatenate([features, labelled])
    mean, scale = every.mean(axis=0), every.std(axis=0)
    scale[scale == 0] = 1
    features, labelled = (features - mean) / scale, (labelled - mean) / scale
    distances = _nearest(features, labelled)
    free, result = np.ones(len(rows), bool), []
    # A certain pixel may be suggested, but only after all others.
    weights = np.maximum(uncertainty, np.finfo("float32").eps)
    while free.any() and len(result) < count:
        novelty = 1 - np.exp(-distances / (2 * _SCALE**2))
        best = int(np.where(free, weights * novelty, -1).argmax())
        part = candidates[owner[best]]
        position = int(rows[best]), int(cols[best])
        result.append(Suggestion(part.image, part.plane, *position, float(uncertainty[best])))
        distances = np.minimum(distances, _nearest(features, features[best : best + 1]))
        near = np.hypot(rows - rows[best], cols - cols[best]) <= 2 * _CELL
        free &= ~(near & (owner == owner[best]))
    return result


def _nearest(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The mean squared difference to the nearest of other features, `(n,)`."""
    squares = (others**2).sum(axis=1)
    result = np.empty(len(features))
    step = max(1, _BLOCK // max(1, len(others)))
    for start in range(0, len(features), step):
        part = features[start : start + step]
        products = squares - 2 * part @ others.T
        result[start : start + step] = products.min(axis=1) + (part**2).sum(axis=1)
    return np.maximum(result, 0) / features.shape[1]
