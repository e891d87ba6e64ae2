"""What whoever labels works with, in the page and in napari alike. Neither Qt nor HTTP is here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from umbed_keras.apps.labelling.open_images import OpenImages
from umbed_keras.images.image import Image
from umbed_keras.ops.similarity import check_pixel, cosines_to
from umbed_keras.segmentation import LabelClass, PixelClassifier, Project, Suggestion
from umbed_keras.segmentation.image_lists import label_planes
from umbed_keras.segmentation.live_classifier import LiveClassifier
from umbed_keras.segmentation.measurements.instances import instances
from umbed_keras.segmentation.measurements.measure import measure
from umbed_keras.segmentation.measurements.table import Measurements
from umbed_keras.segmentation.probability_map import relative_entropy

# Bytes of features that are kept, so that one more stroke is answered soon.
_KEPT_BYTES = 1 << 30


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
    """A classifier with a project's settings, and what it tells of images that are open.

    Images need no files. They are known by their identity: whoever passes the same `Image` again
    has its features from before. The project's settings may be changed, and the project replaced,
    at any time: the next `fit` heeds it. A failed fit leaves what was learned before.

    Args:
        project: `Project`; None begins an empty one.

    Attributes:
        project: the same.
        left_out: int, the images with strokes that the last `fit` left out, as they have other
            channels than the first.

    Examples:
        >>> picture = np.zeros((16, 16, 3), "uint8")
        >>> picture[:, 8:] = 200
        >>> labels = np.zeros((16, 16), int)
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> image = uk.Image(picture)
        >>> session = Session(uk.segmentation.Project(preset="celeba_vq_k16"))
        >>> session.fit([(image, labels)])
        >>> (result,) = session.results(image)
        >>> result.classes[8, [0, 15]].tolist()
        [1, 2]
        >>> session.similar(image, (), 2, 2)[2, 2].round(2).item()
        1.0
    """

    def __init__(self, project: Project | None = None) -> None:
        self.project = Project() if project is None else project
        self.left_out = 0
        self._images = OpenImages()
        self._settings = self._images.take_settings(self.project)
        self._live = LiveClassifier(self._images, _KEPT_BYTES)

    @property
    def is_fitted(self) -> bool:
        """Whether something was learned."""
        return self._live.is_fitted

    @property
    def classifier(self) -> PixelClassifier:
        """The classifier that was fitted last.

        Raises:
            ValueError: before `fit`.
        """
        if not self.is_fitted:
            raise ValueError("Train and predict first: nothing was learned yet.")
        return self._live.classifier

    def fit(self, labelled: Sequence[tuple[Image, np.ndarray]], refine: bool = True) -> None:
        """Learns from strokes, of which those that have not changed are known.

        Args:
            labelled: images and their label images, that of the image in view first. Others count
                if they have as many channels and some strokes.
            refine: False answers sooner: `refine` makes up for the rest.

        Raises:
            ValueError: if there are fewer than two classes, with what to do in the message.
            ValueError: as `PixelClassifier.fit`.
        """
        first = labelled[0][0]
        kind = (first.num_channels, first.is_rgb)
        drawn = [pair for pair in labelled if pair[1].any()]
        alike = [pair for pair in drawn if (pair[0].num_channels, pair[0].is_rgb) == kind]
        classes = {number for _, labels in alike for number in np.unique(labels)} - {0}
        if len(classes) < 2:
            others = len(drawn) - len(alike)
            left_out = f". Images left out, as they have other channels: {others}" if others else ""
            raise ValueError(
                f"Draw strokes of two classes or more. Classes so far: {len(classes)}{left_out}"
            )
        live, settings = self._with_settings()
        self._images.set_all(alike)
        live.fit()
        self._live, self._settings = live, settings
        self.left_out = len(drawn) - len(alike)
        if refine:
            self.refine()

    def refine(self) -> None:
        """Learns from unlabelled pixels, too.

        Raises:
            ValueError: before `fit`.
        """
        _ = self.classifier
        self._live.self_train()

    def results(
        self,
        image: Image,
        first: tuple[int, ...] = (),
        view: tuple[slice, slice] | None = None,
    ) -> Iterator[Result]:
        """Yields the results of an image, plane by plane; large planes tile by tile.

        Args:
            image: `Image`.
            first: index of the plane to begin with.
            view: rows and columns that are in view, whose tiles come first.

        Raises:
            ValueError: before `fit`, or if the image has other channels than those of `fit`.
        """
        classifier, key = self.classifier, self._images.key(image)
        middle = [(side.start + side.stop) / 2 for side in view] if view else [0, 0]
        for plane in sorted(image.planes(), key=lambda plane: plane != first):
            for rows, cols in self._live.tiles((key, plane), *middle):
                probabilities = self._live.probabilities((key, plane), (rows, cols))
                yield Result(
                    plane,
                    rows,
                    cols,
                    classifier.most_likely(probabilities),
                    relative_entropy(probabilities),
                    probabilities,
                    tuple(int(number) for number in classifier.classes_),
                )

    def suggest(self, image: Image, count: int = 10) -> list[Suggestion]:
        """Returns where to label next in an image, the best first.

        Args:
            image: `Image`.
            count: int, the number of suggestions.

        Raises:
            ValueError: before `fit`, or if the image has other channels than those of `fit`.
        """
        _, key = self.classifier, self._images.key(image)
        planes = [(key, plane) for plane in image.planes()]
        # There they are numbered by planes.
        return [part._replace(image=0) for _, part in self._live.suggest(planes, count)]

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
        if not self.is_fitted:
            self._live, self._settings = self._with_settings()
        live = self._live
        at, result = (self._images.key(image), plane), np.empty((image.height, image.width), "f4")
        chosen = None
        for tile in live.tiles(at, row, col):
            features, inside = live.features(at, tile)
            count = live.classifier.features.num_channels(features.shape[-1])
            vectors = features[inside][..., count:]
            if chosen is None:  # the tile of the pixel is the nearest
                chosen = vectors[row - tile[0].start, col - tile[1].start]
                if np.isnan(chosen).any():
                    raise ValueError("There are no data at this pixel.")
            result[tile] = cosines_to(vectors, chosen)
        return result

    def _with_settings(self) -> tuple[LiveClassifier, dict[str, Any]]:
        """A classifier with the present settings of the project, and these."""
        settings = self._images.take_settings(self.project)
        same = settings == self._settings
        return self._live if same else LiveClassifier(self._images, _KEPT_BYTES), settings


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
