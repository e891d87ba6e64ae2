"""One classifier of all images that have strokes, as the widget uses it. Nothing here is Qt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.segmentation import PixelClassifier, Suggestion
from umbed_keras.segmentation.image_lists import label_planes
from umbed_keras.segmentation.measurements.instances import instances
from umbed_keras.segmentation.measurements.measure import measure
from umbed_keras.segmentation.measurements.table import Measurements
from umbed_keras.segmentation.probability_map import relative_entropy


@dataclass(frozen=True)
class PlaneResult:
    """The results of a plane of an image.

    Attributes:
        plane: index along the image's `plane_axes`.
        classes: int array `(height, width)`, 0 where there are no data.
        uncertainty: float32 array `(height, width)`, NaN where there are no data.
        probabilities: float32 array `(height, width, classes)`.
        numbers: the number of each class, in the order of `probabilities`.
    """

    plane: tuple[int, ...]
    classes: np.ndarray
    uncertainty: np.ndarray
    probabilities: np.ndarray
    numbers: tuple[int, ...]


class Session:
    """A classifier that learns from the strokes of several images, and what it tells of them.

    Attributes:
        classifier: `PixelClassifier`.
    """

    def __init__(self) -> None:
        self.classifier = PixelClassifier()

    def fit(self, labelled: list[tuple[Image, np.ndarray]], preset: str) -> None:
        """Fits the classifier to strokes.

        Args:
            labelled: images and their label images, that of the image in view first. Others count
                if they have as many channels and some strokes.
            preset: preset of the embedder.

        Raises:
            ValueError: if there are fewer than two classes, with what to do in the message.
        """
        first = labelled[0][0]
        kind = (first.num_channels, first.is_rgb)
        alike = [pair for pair in labelled if (pair[0].num_channels, pair[0].is_rgb) == kind]
        alike = [(image, labels) for image, labels in alike if labels.any()]
        classes = {number for _, labels in alike for number in np.unique(labels)} - {0}
        if len(classes) < 2:
            raise ValueError(
                "Draw strokes of two classes or more: in the layer of strokes, choose the brush "
                f"and a label for each class. Classes so far: {len(classes)}"
            )
        if self.classifier.embedder != preset:
            self.classifier = PixelClassifier(preset)
        images, labels = zip(*alike, strict=True)
        self.classifier.fit(list(images), list(labels))

    def check_fitted(self) -> None:
        """Checks that something was learned.

        Raises:
            ValueError: before `fit`.
        """
        if not hasattr(self.classifier, "classes_"):
            raise ValueError("Train and predict first: nothing was learned yet.")

    def results(self, image: Image, first: tuple[int, ...] = ()) -> Iterator[PlaneResult]:
        """Yields the results of each plane of an image, that in view first.

        Args:
            image: `Image`.
            first: index of the plane to begin with.
        """
        classifier = self.classifier
        numbers = tuple(int(number) for number in classifier.classes_)
        for plane in sorted(image.planes(), key=lambda plane: plane != first):
            probabilities = classifier.plane_probabilities(image, plane)
            yield PlaneResult(
                plane,
                classifier.most_likely(probabilities),
                relative_entropy(probabilities),
                probabilities,
                numbers,
            )

    def suggest(self, image: Image, count: int = 10) -> list[Suggestion]:
        """Returns where to label next in an image, the best first.

        Args:
            image: `Image`.
            count: int, the number of suggestions.

        """
        return self.classifier.suggest(image, count)


def write_plane(target: np.ndarray, image: Image, plane: tuple[int, ...], part: np.ndarray) -> None:
    """Writes the result of a plane into an array of the whole image.

    Args:
        target: array with the image's axes but the channels.
        image: `Image`.
        plane: index along the image's `plane_axes`.
        part: array `(height, width)`.
    """
    for index, view in label_planes(image, target):
        if index == plane:
            view[...] = part


def suggestion_points(image: Image, suggestions: list[Suggestion]) -> np.ndarray:
    """Returns the positions of suggestions along the image's axes but the channels, `(n, ndim)`."""
    letters = image.axes.replace("c", "")
    rows = []
    for suggestion in suggestions:
        at = dict(zip(image.plane_axes, suggestion.plane, strict=True))
        at |= {"y": suggestion.row, "x": suggestion.col}
        rows.append([at[axis] for axis in letters])
    return np.array(rows, float).reshape(-1, len(letters))


def objects_of(
    mask: np.ndarray, image: Image, background: int, min_size: int, split: bool
) -> tuple[np.ndarray, Measurements]:
    """Returns the objects of a mask, numbered, and their measurements.

    Args:
        mask: int array with the image's axes but the channels.
        image: `Image`, of which intensities are measured.
        background: class that is no object; 0 for none.
        min_size: objects of fewer pixels are left out.
        split: whether objects that touch are divided at their necks.

    Raises:
        ValueError: if the mask has another size than the image.
    """
    letters = image.axes.replace("c", "")
    known: Mapping[str, Any] | None = image.pixel_size
    if not set(letters.replace("t", "")) <= set(image.pixel_size):
        known = None
    numbers = instances(mask, min_size, split, (0, background), letters, known)
    return numbers, measure(numbers, image, mask=mask)
