"""What the classifier says of the planes of a project, kept until strokes change."""

import collections
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.apps.labelling.apply_files import Measuring, apply_to_files
from umbed_keras.apps.page.pictures.drawing import levels_of
from umbed_keras.ops.similarity import cosines_to
from umbed_keras.segmentation.advice.suggestions import Suggestion
from umbed_keras.segmentation.live_classifier import LiveClassifier, Plane, Tile
from umbed_keras.segmentation.probability_map import relative_entropy
from umbed_keras.segmentation.project.project import Project

# Bytes of answers that are kept.
_BUDGET = 1 << 29
# Planes in which places to label are looked for.
_PLANES = 12


@dataclass
class Answer:
    """What is known of a plane.

    Attributes:
        version: number of the classifier that said so.
        is_draft: whether it comes from every second pixel, or not from all tiles yet.
        classes: uint8 array `(height, width)`, 0 where nothing is known.
        uncertainty: uint8 array `(height, width)` in 1..255, 0 where nothing is known.
        done: first rows and columns of the tiles that this classifier has classified.

    Examples:
        >>> none = np.zeros((2, 3), "uint8")
        >>> Answer(1, False, np.ones((2, 3), "uint8"), none).shares
        {1: 1.0}
    """

    version: int
    is_draft: bool
    classes: np.ndarray
    uncertainty: np.ndarray
    done: set[tuple[int, int]] = field(default_factory=set)

    @property
    def shares(self) -> dict[int, float]:
        """Class to its share of the pixels."""
        counts = np.bincount(self.classes.ravel(), minlength=256)
        known = max(1, int(counts[1:].sum()))
        return {
            int(number): float(counts[number] / known) for number in np.flatnonzero(counts[1:]) + 1
        }


class Answers:
    """Fits the classifier of a project, and keeps what it says of planes.

    Its methods are called in one thread, but `answer_of` and `similar_of`.

    Args:
        snapshot: function that returns a copy of the project.
        publish: function that is called with a dictionary for each news.

    Attributes:
        live: `LiveClassifier`.
        version: number of the classifier, 0 before the first.

    Examples:
        >>> news = []
        >>> answers = Answers(Project, news.append)  # of an empty project
        >>> list(answers.answer(None, 0, 0)), news
        ([], [{'type': 'waiting', 'classes': []}])
    """

    def __init__(
        self, snapshot: Callable[[], Project], publish: Callable[[dict[str, Any]], None]
    ) -> None:
        self._snapshot, self._publish = snapshot, publish
        self.live = LiveClassifier(snapshot())
        self.version, self._is_trained = 0, False
        self._answers: collections.OrderedDict[Plane, Answer] = collections.OrderedDict()
        self._similar: tuple[Plane, np.ndarray, int] | None = None
        self._suggested: tuple[int, list[tuple[Plane, Suggestion]]] = (-1, [])

    def answer_of(self, plane: Plane) -> Answer | None:
        """Returns what is known of a plane, or None.

        Args:
            plane: key of an image, and index of a plane.
        """
        return self._answers.get(plane)

    def similar_of(self, plane: Plane) -> tuple[np.ndarray, int] | None:
        """Returns how similar the pixels of a plane are to the one that was asked for.

        Args:
            plane: key of an image, and index of a plane.

        Returns:
            uint8 array `(height, width)` in 1..255 and a number that tells it from others, or None.
        """
        similar = self._similar
        return (similar[1], similar[2]) if similar and similar[0] == plane else None

    def answer(self, plane: Plane | None, row: float, col: float) -> Iterator[None]:
        """Fits the classifier if strokes have changed, and classifies a plane.

        A draft comes first: by a classifier of the strokes alone, from every second pixel.

        Args:
            plane: key of an image, and index of a plane; None only fits.
            row, col: position in it where to begin.

        Yields:
            None after each step.
        """
        self.live.project = self._snapshot()
        if plane is not None and not self._is_there(plane):
            plane = None
        if not self._fit():
            if plane is not None:
                tile = self.live.tiles(plane, row, col)[0]
                yield
                self.live.features(plane, tile)  # so that the first stroke is answered sooner
            return
        yield
        if not self._is_trained:
            if plane is not None and len(self.live.tiles(plane)) == 1:
                self._classify(plane, self.live.tiles(plane)[0], half=True)
                self._tell(plane)
                yield
            self._train()
            yield
        if plane is None:
            return
        known = self._answers.get(plane)
        if known is None or known.version != self.version or known.is_draft:
            tiles = self.live.tiles(plane, row, col)
            done = known.done if known is not None and known.version == self.version else set()
            for tile in tiles:
                if (tile[0].start, tile[1].start) in done:  # before another part came into view
                    continue
                self._classify(plane, tile)
                answer = self._answers[plane]
                answer.is_draft = len(answer.done) < len(tiles)
                self._tell(plane, len(answer.done) / len(tiles))
                yield
        else:
            self._tell(plane)

    def apply(
        self, paths: Sequence[Path], output: Path, measuring: Measuring | None
    ) -> Iterator[None]:
        """Segments files, and tells how far it is after each of them.

        Strokes that are drawn meanwhile count for the next time.

        Args:
            paths, output, measuring: as in `umbed_keras.apps.labelling.apply_files.apply_to_files`.

        Yields:
            None after each file.
        """
        self.live.project = self._snapshot()
        if not self._fit():
            raise ValueError("Label some pixels of two classes first.")
        if not self._is_trained:
            self._train()
            yield
        classifier, classes = copy.copy(self.live.classifier), self.live.project.classes
        options = {"classes": classes, "measuring": measuring}
        news = {}
        for applied in apply_to_files(classifier, paths, output, **options):
            broken = [[path.name, str(error)] for path, error in applied.broken.items()]
            news = {"done": applied.done, "total": applied.total, "objects": applied.objects}
            news |= {"type": "applied", "broken": broken}
            self._publish(news)
            yield
        self._publish({**news, "finished": True})

    def _train(self) -> None:
        """Learns from pixels without strokes, too."""
        self.live.self_train()
        self._is_trained = True
        self.version += 1

    def _fit(self) -> bool:
        """Fits to strokes, if they have changed and there are two classes of them."""
        images = self.live.project.images
        missing = set(self.live.project.missing)
        classes = {
            number
            for key, image in images.items()
            if key not in missing
            for number in image.classes
        }
        if len(classes) < 2:
            if self._answers:
                self._forget()
            self._publish({"type": "waiting", "classes": sorted(classes)})
            return False
        if self.live.fit():
            self.version, self._is_trained = self.version + 1, False
        return True

    def _forget(self) -> None:
        self._answers.clear()
        self.version += 1

    def _is_there(self, plane: Plane) -> bool:
        image = self.live.project.images.get(plane[0])
        return image is not None and image.is_present()

    def _suits(self, plane: Plane) -> bool:
        """Whether the classifier knows images with as many channels."""
        return self.live.vectors(plane[0]).num_features == self.live.classifier.num_features_

    def _classify(self, plane: Plane, tile: Tile, half: bool = False) -> None:
        """Writes what the classifier says of a tile into the answer of its plane."""
        classifier = self.live.classifier
        probabilities = self.live.probabilities(plane, tile, half)
        classes = classifier.most_likely(probabilities).astype("uint8")
        uncertainty = levels_of(relative_entropy(probabilities))
        answer = self._answers.get(plane)
        shape = self.live.project.images[plane[0]].shape
        if answer is None or answer.version != self.version:
            empty = [np.zeros(shape, "uint8") for _ in range(2)]
            # Of a large plane the tiles of an earlier classifier stay until new ones come.
            if answer is not None and len(self.live.tiles(plane)) > 1:
                empty = [answer.classes.copy(), answer.uncertainty.copy()]
            answer = Answer(self.version, True, *empty)
        for whole, part in ((answer.classes, classes), (answer.uncertainty, uncertainty)):
            if half:
                part = part.repeat(2, axis=0).repeat(2, axis=1)
            height, width = whole[tile].shape
            whole[tile] = part[:height, :width]
        if not half:
            answer.done.add((tile[0].start, tile[1].start))
        self._answers[plane] = answer
        self._answers.move_to_end(plane)
        while sum(2 * kept.classes.size for kept in self._answers.values()) > _BUDGET:
            if len(self._answers) == 1:
                break
            self._answers.popitem(last=False)

    def _tell(self, plane: Plane, progress: float = 1.0) -> None:
        answer = self._answers[plane]
        self._publish(
            {
                "type": "answer",
                "key": plane[0],
                "plane": list(plane[1]),
                "version": answer.version,
                "draft": answer.is_draft,
                "progress": progress,
                "shares": answer.shares,
            }
        )

    def similar(self, plane: Plane, row: int, col: int) -> Iterator[None]:
        """Computes how similar the pixels of a plane are to one of them.

        Args:
            plane: key of an image, and index of a plane.
            row, col: position of the pixel.

        Yields:
            None after each tile.
        """
        self.live.project = self._snapshot()
        tiles = self.live.tiles(plane, row, col)
        chosen, result = None, np.zeros(self.live.project.images[plane[0]].shape, "uint8")
        for number, tile in enumerate(tiles, start=1):
            features, inside = self.live.features(plane, tile)
            known = self.live.classifier.features.num_channels(features.shape[-1])
            vectors = features[inside][..., known:]
            if chosen is None:
                chosen = vectors[row - tile[0].start, col - tile[1].start]
                if np.isnan(chosen).any():
                    raise ValueError("There are no data at this pixel.")
            result[tile] = levels_of(cosines_to(vectors, chosen))
            stamp = (self._similar[2] if self._similar else 0) + 1
            self._similar = (plane, result, stamp)
            news = {"key": plane[0], "plane": list(plane[1]), "version": stamp}
            self._publish({"type": "similar", **news, "progress": number / len(tiles)})
            yield

    def suggest(self, first: Plane | None) -> Iterator[None]:
        """Looks for places to label next, in the plane in view and in others, and tells them.

        Args:
            first: the plane in view.

        Yields:
            None after each plane.
        """
        self.live.project = self._snapshot()
        if not self._fit():
            raise ValueError("Label some pixels of two classes first.")
        if self._suggested[0] != self.version:
            planes = [first] if first is not None and self._is_there(first) else []
            for key, image in self.live.project.images.items():
                if image.is_present():
                    every = list(np.ndindex(*image.plane_shape))
                    shown = [*image.runs, *every[len(every) // 2 :: max(1, len(every))]]
                    planes += [(key, plane) for plane in shown]
            planes = [plane for plane in dict.fromkeys(planes) if self._suits(plane)][:_PLANES]
            for plane in planes:
                self.live.probabilities(plane, self.live.tiles(plane)[0], half=True)
                yield
            self._suggested = self.version, self.live.suggest(planes)
        listed = [
            {"key": plane[0], "plane": list(plane[1]), "row": part.row, "col": part.col}
            for plane, part in self._suggested[1]
        ]
        self._publish({"type": "suggestions", "places": listed})
