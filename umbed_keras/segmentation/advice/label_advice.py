"""What a fitted classifier tells whoever labels."""

from collections.abc import Sequence

import numpy as np

from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.advice.held_out import HeldOut, held_out
from umbed_keras.segmentation.advice.suggestions import (
    Candidates,
    Suggestion,
    candidates_of,
    suggestions,
)
from umbed_keras.segmentation.image_lists import as_images
from umbed_keras.segmentation.labelled_pixels import LabelledPixels
from umbed_keras.segmentation.pixel_prediction import ImageLike, PixelPrediction
from umbed_keras.segmentation.probability_map import relative_entropy


class LabelAdvice(PixelPrediction):
    """The part of `PixelClassifier` that tells how well labels are learned, and what to label next.

    Attributes that `fit` sets, beside those of `PixelPrediction`:
        _groups: int array, the pixels of `_training` that are held out together.
        _labelled: dictionary from the key of each plane to its `LabelledPixels`.

    Examples:
        >>> issubclass(uk.segmentation.PixelClassifier, LabelAdvice)
        True
    """

    _groups: np.ndarray
    _labelled: dict[str, LabelledPixels]

    def held_out(self) -> HeldOut:
        """Returns how labelled pixels are predicted if their strokes are held out.

        Strokes, or whole images if there are several, are held out in turn, and predicted by a
        classifier of all others: this estimates how well new strokes would be predicted. The
        default classifier knows these predictions from `fit`; any other one is fitted again. They
        are those of single pixels, before self-training and smoothing, which are better still.

        Returns:
            `HeldOut`, with `accuracy`, `confusion` and `confusions()`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`, or if `embedder` was changed after it.

        Examples:
            >>> image = np.zeros((16, 16, 3), "uint8")
            >>> image[:, 8:] = 200
            >>> labels = np.zeros((16, 16), int)
            >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
            >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
            >>> classifier.held_out().confusion.tolist()
            [[12, 0], [0, 12]]
        """
        self._check_fitted()
        return held_out(self.classifier_, *self._training, self._groups)

    def suggest(
        self, images: ImageLike, count: int = 10, axes: str | None = None
    ) -> list[Suggestion]:
        """Suggests where to label next: uncertain pixels of a frequent kind that has no labels yet.

        Each suggestion also differs from those before it, in its features and in its position, so
        that several can be labelled before the next fit. The same strokes give the same
        suggestions.

        Args:
            images, axes: as in `fit`. They may be the images of `fit`, whose labelled pixels and
                their surroundings are not suggested again, or others.
            count: int, the number of suggestions, over all images together.

        Returns:
            List of `Suggestion`, the best first, each with `image`, `plane`, `row`, `col` and
            `uncertainty`. There are fewer than `count` if images are small.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
            TypeError: as `predict`.
            ValueError: as `predict`; or if `count` is no integer of at least 1.

        Examples:
            >>> image = np.zeros((24, 32, 3), "uint8")
            >>> image[:, 12:20], image[:, 20:] = 90, 200
            >>> labels = np.zeros((24, 32), int)
            >>> labels[2:14, 2], labels[2:14, 29] = 1, 2
            >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
            >>> best, *others = classifier.suggest(image, count=3)
            >>> 8 < best.col < 24, len(others)
            (True, 2)
        """
        check_integers(count=(1, count))
        self._check_fitted()
        every, _ = as_images(images, axes)
        total = sum(image.num_planes for image in every)
        candidates, none = [], np.zeros(0, int)
        for index, image in enumerate(every):
            vectors = self._vectors(image)
            for plane in image.planes():
                features, key = self.features.of_plane(vectors, plane)
                uncertainty = relative_entropy(self.probabilities_of(features, vectors))
                known = self._labelled.get(key)
                labelled = (none, none) if known is None else (known.rows, known.cols)
                candidates.append(
                    candidates_of(uncertainty, features, labelled, index, plane, total)
                )
        return self.chosen(candidates, count)

    def chosen(self, candidates: Sequence[Candidates], count: int) -> list[Suggestion]:
        """Chooses those candidates of which a label tells most beside the labels there are.

        Args:
            candidates: those of each plane.
            count: int, the number of suggestions.

        Returns:
            List of `Suggestion`, the best first.

        Raises:
            sklearn.exceptions.NotFittedError: as `predict`.
        """
        self._check_fitted()
        return suggestions(candidates, self._training[0], count)
