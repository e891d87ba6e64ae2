"""A classifier of a project that learns stroke by stroke and answers part by part."""

import collections
from functools import partial
from typing import Any

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling
from umbed_keras.images.tiles import tile_grid
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.segmentation.advice.suggestions import Suggestion, candidates_of
from umbed_keras.segmentation.labelled_part import LabelledPart
from umbed_keras.segmentation.pixel_classifier import PixelClassifier
from umbed_keras.segmentation.probability_map import relative_entropy
from umbed_keras.segmentation.project.project import Project
from umbed_keras.segmentation.project.runs import NO_RUNS, labels_of
from umbed_keras.segmentation.smoothing import as_smoothing, at_half_size

# Planes of more pixels are classified tile by tile, and tiles have this side.
WHOLE, TILE = 3 << 20, 384
# Key of an image of a project, and index of a plane.
Plane = tuple[str, tuple[int, ...]]
# Rows and columns of a tile.
Tile = tuple[slice, slice]


class LiveClassifier:
    """Learns from the strokes of a project, and from those alone that have changed since.

    `fit` answers in less time than `Project.fit`, as it learns from strokes alone; `self_train`
    makes up for the rest. Planes may be of any size: large ones are classified tile by tile.
    Features are kept within a budget.

    Args:
        project: `Project`. Its strokes are looked up at each `fit`; it may be replaced by another
            one of the same settings.
        budget: int, bytes of features that are kept, beside those of `PixelFeatures`.

    Attributes:
        classifier: `PixelClassifier`, fitted or not.

    Examples:
        >>> picture = np.zeros((16, 16, 3), "uint8")
        >>> picture[:, 8:] = 200
        >>> np.save("picture.npy", picture)
        >>> project = uk.segmentation.Project({}, "celeba_vq_k16")
        >>> key = project.add_image("picture.npy")
        >>> labels = np.zeros((16, 16), int)
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> project.set_strokes(key, labels)
        >>> live = LiveClassifier(project)
        >>> live.fit()
        True
        >>> [tile] = live.tiles((key, ()))
        >>> live.probabilities((key, ()), tile).argmax(axis=-1)[8, [0, 15]].tolist()
        [0, 1]
    """

    def __init__(self, project: Project, budget: int = 1 << 28) -> None:
        self.project, self.budget = project, budget
        self.classifier = PixelClassifier(
            project.preset,
            smoothing=project.smoothing,
            seed=project.seed,
            scaling=project.scaling,
            channels=project.channels,
        )
        self._scaling = project.scaling or Scaling()
        self._vectors: dict[str, ImageVectors] = {}
        self._kept: collections.OrderedDict[tuple[Any, ...], np.ndarray] = collections.OrderedDict()
        # What was learned: the runs and the keys of the parts of each plane.
        self._learned: dict[Plane, tuple[np.ndarray, list[str]]] = {}
        # Parts that wait for the self-training.
        self._waiting: dict[str, LabelledPart] = {}

    @property
    def is_fitted(self) -> bool:
        """Whether something was learned."""
        return hasattr(self.classifier, "classes_")

    def vectors(self, key: str) -> ImageVectors:
        """Returns the `ImageVectors` of an image, which stay the same from call to call.

        Args:
            key: key of an image of the project.

        Raises:
            FileNotFoundError: if its file is missing.
            ValueError: if it can't be read, or does not suit the embedder.
        """
        if key not in self._vectors:
            image = self.project.open_image(key)
            features = self.classifier.features.with_options(self._scaling, self.project.channels)
            self._vectors[key] = features.of_image(image)
        return self._vectors[key]

    def image(self, key: str) -> Image:
        """Returns an image of the project.

        Args:
            key: as in `vectors`.
        """
        return self.vectors(key).image

    def tiles(self, plane: Plane, row: float = 0, col: float = 0) -> list[Tile]:
        """Returns the tiles of a plane, those near a position first.

        Args:
            plane: key of an image, and index of a plane.
            row, col: the position, in pixels.
        """
        image = self.project.images[plane[0]]
        height, width = image.shape
        if height * width <= WHOLE:
            return [(slice(0, height), slice(0, width))]
        grid = tile_grid((height, width), (TILE, TILE))

        def distance(tile: Tile) -> float:
            down, right = (part.start + TILE / 2 for part in tile)
            return (down - row) ** 2 + (right - col) ** 2

        return sorted(((part[0], part[1]) for part in grid), key=distance)

    def fit(self) -> bool:
        """Learns from the strokes of the project, of which those that have not changed are known.

        Strokes of images that are missing do not count.

        Returns:
            Whether any had changed.

        Raises:
            ValueError: as `PixelClassifier.fit`, such as for fewer than two classes; what was
                learned before stays.
        """
        strokes = self._strokes()
        parts: list[LabelledPart] = []
        gone: set[str] = set()
        learned = dict(self._learned)
        for plane in strokes.keys() | learned.keys():
            runs, keys = learned.get(plane, (NO_RUNS, []))
            now = strokes.get(plane, NO_RUNS)
            if runs is now or np.array_equal(runs, now):
                continue
            changed = self._parts(plane, now) if len(now) else []
            gone.update(set(keys) - {part.key for part in changed})
            parts += changed
            learned[plane] = now, [part.key for part in changed]
        if self._scaling.scope == "collection" and not self._scaling.is_fitted:
            keys = dict.fromkeys(key for key, _ in strokes)
            self._scaling = self._scaling.fit([self.project.open_image(key) for key in keys])
            self._vectors.clear()
            return self.fit()
        if parts or gone or not self.is_fitted:
            self.classifier.fit_parts(parts, gone, self._scaling)
        self._learned = {plane: known for plane, known in learned.items() if len(known[0])}
        for key in gone:
            self._waiting.pop(key, None)
        self._waiting |= {part.key: part for part in parts}
        return bool(parts or gone)

    def self_train(self) -> None:
        """Learns from unlabelled pixels of the parts with strokes, too.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        self.classifier.self_train(list(self._waiting.values()))
        self._waiting = {}

    def probabilities(self, plane: Plane, tile: Tile, half: bool = False) -> np.ndarray:
        """Computes the probability of every class at every pixel of a tile.

        Args:
            plane: key of an image, and index of a plane.
            tile: one of `tiles`.
            half: True takes every second pixel of every second row, and a fraction of the time.

        Returns:
            float32 array `(height, width, classes)`, or half of that; NaN where there are no data.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
            ValueError: if the image has other channels than those with strokes.
        """
        vectors, smoothing = self.vectors(plane[0]), None
        features, inside = self.features(plane, tile)
        if features.shape[-1] != self.classifier.num_features_:
            raise ValueError(
                f"{self.project.images[plane[0]].name} has other channels than the images with "
                "strokes, so that they tell nothing of it."
            )
        if half:
            side = min(vectors.image.height, vectors.image.width)
            smoothing = at_half_size(as_smoothing(self.project.smoothing, side))
            features = features[::2, ::2]
            inside = tuple(slice(part.start // 2, -(-part.stop // 2)) for part in inside)
        return self.classifier.probabilities_of(features, vectors, smoothing=smoothing)[inside]

    def features(self, plane: Plane, tile: Tile) -> tuple[np.ndarray, Tile]:
        """Computes the features of a tile and of its surroundings, or takes those that are kept.

        Args:
            plane, tile: as in `probabilities`.

        Returns:
            float32 array `(height, width, features)`, and the slices of the tile in it.
        """
        vectors, index = self.vectors(plane[0]), plane[1]
        shape = vectors.image.height, vectors.image.width
        features = self.classifier.features
        views, inside = [], []
        halo = as_smoothing(self.project.smoothing, min(shape)).halo
        stride = features.embedder.stride
        halo = -(-halo // stride) * stride
        for side, size in zip(tile, shape, strict=True):
            start = max(0, side.start - halo)
            views.append(slice(start, min(size, side.stop + halo)))
            inside.append(slice(side.start - start, side.stop - start))
        key = (plane, tile[0].start, tile[1].start)
        if key not in self._kept:
            if tile == (slice(0, shape[0]), slice(0, shape[1])):
                self._kept[key] = features.of_plane(vectors, index)[0]
            else:
                self._kept[key] = features.window(vectors, index, *views)
            while sum(kept.nbytes for kept in self._kept.values()) > self.budget:
                if len(self._kept) == 1:
                    break
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key], (inside[0], inside[1])

    def suggest(self, planes: list[Plane], count: int = 10) -> list[tuple[Plane, Suggestion]]:
        """Suggests where to label next, as `PixelClassifier.suggest` does.

        Args:
            planes: planes of images of the project, that in view first. Of large ones tiles with
                strokes count.
            count: int, the number of suggestions.

        Returns:
            List of planes with `Suggestion`s in them, the best first.
        """
        candidates = []
        for number, plane in enumerate(planes):
            runs = self.project.images[plane[0]].runs.get(plane[1], NO_RUNS)
            labels = labels_of(runs, self.project.images[plane[0]].shape)
            tiles = self.tiles(plane)
            if len(tiles) > 1:
                tiles = [tile for tile in tiles if labels[tile].any()] or tiles[:1]
            for tile in tiles:
                features, inside = self.features(plane, tile)
                part = candidates_of(
                    relative_entropy(self.probabilities(plane, tile)),
                    features[inside],
                    np.nonzero(labels[tile]),
                    number,
                    plane[1],
                    len(planes) * len(tiles),
                )
                rows, cols = part.rows + tile[0].start, part.cols + tile[1].start
                candidates.append(part._replace(rows=rows, cols=cols))
        chosen = self.classifier.chosen(candidates, count)
        return [(planes[part.image], part) for part in chosen]

    def _strokes(self) -> dict[Plane, np.ndarray]:
        """The runs of all planes with strokes of images that are there."""
        missing = set(self.project.missing)
        return {
            (key, plane): runs
            for key, image in self.project.images.items()
            if key not in missing
            for plane, runs in image.runs.items()
        }

    def _parts(self, plane: Plane, runs: np.ndarray) -> list[LabelledPart]:
        """The tiles of a plane that have labels."""
        vectors = self.vectors(plane[0])
        labels = labels_of(runs, self.project.images[plane[0]].shape)
        return [
            LabelledPart(
                f"{plane[0]} {plane[1]} {tile[0].start} {tile[1].start}",
                vectors,
                labels[tile],
                partial(self._inner_features, plane, tile),
            )
            for tile in self.tiles(plane)
            if labels[tile].any()
        ]

    def _inner_features(self, plane: Plane, tile: Tile) -> np.ndarray:
        features, inside = self.features(plane, tile)
        return features[inside]
