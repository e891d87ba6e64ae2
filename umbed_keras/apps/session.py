"""What whoever labels works with, in the page and in napari alike. Neither Qt nor HTTP is here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.tiles import tile_grid
from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.segmentation import LabelClass, PixelClassifier, Project, Suggestion
from umbed_keras.segmentation.image_lists import label_planes
from umbed_keras.segmentation.measurements.instances import instances
from umbed_keras.segmentation.measurements.measure import measure
from umbed_keras.segmentation.measurements.table import Measurements
from umbed_keras.segmentation.probability_map import relative_entropy
from umbed_keras.segmentation.window_classifier import WindowClassifier

# Pixels of a plane up to which its results come whole, and not window by window.
_WHOLE = 1 << 20
# Side of windows, in pixels.
_WINDOW = 512


@dataclass(frozen=True)
class Result:
    """The results of a plane of an image, or of a window of it.

    Attributes:
        plane: index along the image's `plane_axes`.
        rows, cols: slices of the plane.
        classes: int array `(rows, cols)`, 0 where there are no data.
        uncertainty: float32 array `(rows, cols)`, NaN where there are no data.
        probabilities: float32 array `(rows, cols, classes)`.
        numbers: the number of each class, in the order of `probabilities`.

    Examples:
        >>> classes, none = np.ones((2, 3), int), np.zeros((2, 3), "float32")
        >>> result = Result((), slice(0, 2), slice(4, 7), classes, none, none[..., None], (1,))
        >>> result.write(target := np.zeros((4, 8), int), uk.Image(np.zeros((4, 8))), classes)
        >>> target.sum(axis=0).tolist()
        [0, 0, 0, 0, 2, 2, 2, 0]
    """

    plane: tuple[int, ...]
    rows: slice
    cols: slice
    classes: np.ndarray
    uncertainty: np.ndarray
    probabilities: np.ndarray
    numbers: tuple[int, ...]

    def write(self, target: np.ndarray, image: Image, part: np.ndarray) -> None:
        """Writes one of the arrays into an array of the whole image.

        Args:
            target: array with the image's axes but the channels.
            image: `Image`.
            part: array `(rows, cols)`.
        """
        plane_view(target, image, self.plane)[self.rows, self.cols] = part


class Session:
    """A classifier with a project's settings, and what it tells of images.

    Images need no files. The project may be changed or replaced at any time: the next `fit` heeds
    it. A failed fit leaves what was learned before.

    Args:
        project: `Project`; None begins an empty one.

    Attributes:
        project: the same.

    Examples:
        >>> picture = np.zeros((16, 16, 3), "uint8")
        >>> picture[:, 8:] = 200
        >>> labels = np.zeros((16, 16), int)
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> session = Session(uk.segmentation.Project(preset="celeba_vq_k16"))
        >>> session.fit([(uk.Image(picture), labels)])
        >>> (result,) = session.results(uk.Image(picture))
        >>> result.classes[8, [0, 15]].tolist()
        [1, 2]
        >>> session.similar(uk.Image(picture), (), 2, 2)[2, 2].round(2).item()
        1.0
    """

    def __init__(self, project: Project | None = None) -> None:
        self.project = Project() if project is None else project
        self._fitted: PixelClassifier | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether something was learned."""
        return self._fitted is not None

    @property
    def classifier(self) -> PixelClassifier:
        """The classifier that was fitted last.

        Raises:
            ValueError: before `fit`.
        """
        if self._fitted is None:
            raise ValueError("Train and predict first: nothing was learned yet.")
        return self._fitted

    def fit(self, labelled: Sequence[tuple[Image, np.ndarray]]) -> None:
        """Fits a classifier to strokes.

        Args:
            labelled: images and their label images, that of the image in view first. Others count
                if they have as many channels and some strokes.

        Raises:
            ValueError: if there are fewer than two classes, with what to do in the message.
            ValueError: as `PixelClassifier.fit`.
        """
        first = labelled[0][0]
        kind = (first.num_channels, first.is_rgb)
        alike = [pair for pair in labelled if (pair[0].num_channels, pair[0].is_rgb) == kind]
        alike = [(image, labels) for image, labels in alike if labels.any()]
        classes = {number for _, labels in alike for number in np.unique(labels)} - {0}
        if len(classes) < 2:
            raise ValueError(f"Draw strokes of two classes or more. Classes so far: {len(classes)}")
        images, labels = zip(*alike, strict=True)
        self._fitted = self.project.new_classifier().fit(list(images), list(labels))

    def results(
        self,
        image: Image,
        first: tuple[int, ...] = (),
        view: tuple[slice, slice] | None = None,
    ) -> Iterator[Result]:
        """Yields the results of an image, plane by plane; large planes window by window.

        Args:
            image: `Image`.
            first: index of the plane to begin with.
            view: rows and columns that are in view, whose windows come first.

        Raises:
            ValueError: before `fit`, or if the image has other channels than those of `fit`.
        """
        classifier = self.classifier
        vectors = classifier.features.of_image(image)
        window = None
        if image.height * image.width > _WHOLE:
            window = classifier.window_classifier(vectors)
        for plane in sorted(image.planes(), key=lambda plane: plane != first):
            if window is None:
                whole = slice(0, image.height), slice(0, image.width)
                probabilities = classifier.plane_probabilities(vectors, plane)
                yield _result(classifier, plane, *whole, probabilities)
                continue
            for rows, cols in _nearest_first(image, _side(classifier), view):
                probabilities = _window_probabilities(window, image, plane, rows, cols)
                yield _result(classifier, plane, rows, cols, probabilities)

    def suggest(self, images: Image | Sequence[Image], count: int = 10) -> list[Suggestion]:
        """Returns where to label next in an image or several, the best first.

        Args:
            images: `Image`, or a sequence of them.
            count: int, the number of suggestions.

        Raises:
            ValueError: before `fit`, or if an image has other channels than those of `fit`.
        """
        every = images if isinstance(images, Image) else list(images)
        return self.classifier.suggest(every, count)

    def similar(self, image: Image, plane: tuple[int, ...], row: int, col: int) -> np.ndarray:
        """Computes how similar the pixels of a plane are to one of them; nothing need be learned.

        Args:
            image: `Image`.
            plane: index along the image's `plane_axes`.
            row, col: position of the pixel.

        Returns:
            float32 array `(height, width)` of cosines in -1..1, NaN without data.

        Raises:
            ValueError: if the pixel lies outside the image, or holds no data.
        """
        check_pixel((image.height, image.width), row, col)
        features = (self._fitted or self.project.new_classifier()).features
        vectors = features.of_image(image)
        count = features.num_channels(vectors.num_features)
        every = features.of_plane(vectors, plane)[0][..., count:]
        if np.isnan(every[row, col]).any():
            raise ValueError("There are no data at this pixel.")
        return cosines_to(every, every[row, col]).astype("float32")


def plane_view(array: np.ndarray, image: Image, plane: tuple[int, ...]) -> np.ndarray:
    """Returns a view of one plane of an array, `(height, width)`.

    Args:
        array: array with the image's axes but the channels.
        image: `Image`.
        plane: index along the image's `plane_axes`.

    Examples:
        >>> stack = uk.Image(np.zeros((3, 4, 5)), "zyx")
        >>> plane_view(np.arange(60).reshape(3, 4, 5), stack, (2,))[0].tolist()
        [40, 41, 42, 43, 44]
    """
    return next(part for index, part in label_planes(image, array) if index == tuple(plane))


def objects_of(
    mask: np.ndarray,
    image: Image,
    background: int = 0,
    min_size: int = 1,
    split: bool = False,
    classes: Mapping[int, LabelClass] | None = None,
) -> tuple[np.ndarray, Measurements]:
    """Returns the objects of a mask, numbered, and their measurements.

    Args:
        mask: int array with the image's axes but the channels.
        image: `Image`, of which intensities are measured.
        background: class that is no object; 0 for none.
        min_size: objects of fewer pixels are left out.
        split: whether objects that touch are divided at their necks.
        classes: number to `LabelClass`, whose names the table has beside the numbers.

    Raises:
        ValueError: if the mask has another size than the image.

    Examples:
        >>> mask = np.array([[2, 2, 1, 2], [2, 2, 1, 1]])
        >>> _, table = objects_of(mask, uk.Image(10 * mask), background=1)
        >>> table["area"].tolist(), table["intensity_mean"].tolist()
        ([4.0, 1.0], [20.0, 20.0])
    """
    letters = image.axes.replace("c", "")
    known = set(letters.replace("t", "")) <= set(image.pixel_size)
    pixel_size = image.pixel_size if known else None
    numbers = instances(mask, min_size, split, (0, background), letters, pixel_size)
    names = {number: given.name for number, given in (classes or {}).items()}
    return numbers, measure(numbers, image, mask=mask).with_class_names(names)


def _result(
    classifier: PixelClassifier,
    plane: tuple[int, ...],
    rows: slice,
    cols: slice,
    probabilities: np.ndarray,
) -> Result:
    return Result(
        plane,
        rows,
        cols,
        classifier.most_likely(probabilities),
        relative_entropy(probabilities),
        probabilities,
        tuple(int(number) for number in classifier.classes_),
    )


def _window_probabilities(
    window: WindowClassifier, image: Image, plane: tuple[int, ...], rows: slice, cols: slice
) -> np.ndarray:
    """The probabilities `(rows, cols, classes)` of a window."""
    position = {
        axis: slice(index, index + 1) for axis, index in zip(image.plane_axes, plane, strict=True)
    }
    part = window({**position, "y": rows, "x": cols})
    return part.reshape(*part.shape[-3:])


def _side(classifier: PixelClassifier) -> int:
    stride = classifier.features.embedder.stride
    return max(1, _WINDOW // stride) * stride


def _nearest_first(
    image: Image, side: int, view: tuple[slice, slice] | None
) -> list[tuple[slice, ...]]:
    """The windows of a plane, those nearest to the middle of the view first."""
    tiles = tile_grid((image.height, image.width), (side, side))
    if view is None:
        return tiles
    middle = [(part.start + part.stop) / 2 for part in view]

    def distance(tile: tuple[slice, ...]) -> float:
        return max(
            max(side.start - at, at - side.stop, 0) for side, at in zip(tile, middle, strict=True)
        )

    return sorted(tiles, key=distance)
