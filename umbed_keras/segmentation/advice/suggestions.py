"""Where to label next: uncertain pixels of a kind that is frequent and has no labels yet."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

# Candidates at most: of a plane, and about as many of all planes.
_OF_PLANE, _CANDIDATES = 4096, 16384
# The least distance between candidates, and how near to a labelled pixel there is none, in pixels:
# a brush covers as much.
_STEP, _NEAR = 4, 6
# Mean squared differences of standardised features at which pixels are of different kinds: from
# labelled pixels, and among each other.
_NOVEL, _KIND = 0.5, 0.3
# Candidates that represent all others where frequencies are estimated.
_REPRESENTATIVES = 1024
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
    num_planes: int = 1,
) -> Candidates:
    """Takes the pixels of a grid that hold data, away from labelled ones.

    Args:
        uncertainty: float array `(height, width)`, NaN where there are no data.
        features: float array `(height, width, features)`.
        labelled: int arrays `(n,)`, rows and columns of labelled pixels.
        image, plane: as in `Suggestion`.
        num_planes: the number of planes that have candidates; of many, each has fewer.

    Examples:
        >>> labelled = np.array([2]), np.array([4])
        >>> candidates = candidates_of(np.zeros((4, 24)), np.zeros((4, 24, 5)), labelled)
        >>> candidates.rows.tolist(), candidates.cols.tolist()
        ([2, 2, 2], [14, 18, 22])
    """
    height, width = uncertainty.shape
    most = np.clip(_CANDIDATES // num_planes, 64, _OF_PLANE)
    step = max(_STEP, int(np.ceil(np.sqrt(height * width / most))))
    free = np.isfinite(uncertainty)
    if len(labelled[0]):
        unlabelled = np.ones((height, width), bool)
        unlabelled[labelled] = False
        free &= ndimage.distance_transform_edt(unlabelled) > _NEAR
    # Sides that are shorter than a step have their middle.
    rows, cols = (np.arange(min(step, size) // 2, size, step) for size in (height, width))
    rows, cols = (side.ravel() for side in np.meshgrid(rows, cols, indexing="ij"))
    rows, cols = (side[free[rows, cols]] for side in (rows, cols))
    return Candidates(image, plane, rows, cols, uncertainty[rows, cols], features[rows, cols])


def suggestions(
    candidates: Sequence[Candidates], labelled: np.ndarray, count: int
) -> list[Suggestion]:
    """Chooses candidates one after the other, each with regard to the labels and to those before.

    A candidate's worth is the product of its uncertainty; of its novelty, which grows with the
    distance of its features to those of the nearest labelled or chosen pixel; and of the square
    root of the uncertain and novel mass of all candidates with features like its own, which keeps
    rare pixels and borders from coming first. Near a chosen pixel no other one is chosen.

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
    if not len(owner):
        return []
    rows, cols, uncertainty = (
        np.concatenate([getattr(part, name) for part in candidates])
        for name in ("rows", "cols", "uncertainty")
    )
    features = np.concatenate([part.features for part in candidates]).astype("float64")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1
    features, labelled = (features - mean) / scale, (labelled - mean) / scale
    few = np.sort(np.random.default_rng(0).permutation(len(rows))[:_REPRESENTATIVES])
    alike = np.exp(-_differences(features, features[few]) / _KIND).astype("float32")
    distances = _nearest(features, labelled)
    # Where all is certain, novelty alone decides.
    weights = np.maximum(uncertainty, 1e-6)
    free, result = np.ones(len(rows), bool), []
    while free.any() and len(result) < count:
        worth = weights * (1 - np.exp(-distances / _NOVEL))
        mass = weights[few] * (1 - np.exp(-distances[few] / _KIND))
        worth *= np.sqrt(alike @ mass.astype("float32"))
        best = int(np.where(free, worth, -1).argmax())
        part = candidates[owner[best]]
        position = int(rows[best]), int(cols[best])
        result.append(Suggestion(part.image, part.plane, *position, float(uncertainty[best])))
        distances = np.minimum(distances, _nearest(features, features[best : best + 1]))
        near = np.hypot(rows - rows[best], cols - cols[best]) <= 2 * _NEAR
        free &= ~(near & (owner == owner[best]))
    return result


def _nearest(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The mean squared difference to the nearest of other features, `(n,)`."""
    step = max(1, _BLOCK // max(1, len(others)))
    parts = [
        _differences(features[start : start + step], others).min(axis=1)
        for start in range(0, len(features), step)
    ]
    return np.concatenate(parts)


def _differences(features: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mean squared differences between features, `(n, others)`."""
    squares = (features**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    return np.maximum(squares - 2 * features @ others.T, 0) / features.shape[1]
