"""What a fitted classifier tells whoever labels."""

import numpy as np

from umbed_keras.segmentation.advice.held_out import HeldOut, held_out
from umbed_keras.segmentation.pixel_prediction import PixelPrediction


class LabelAdvice(PixelPrediction):
    """The part of `PixelClassifier` that tells how well labels are learned, and what to label next.

    Attributes that `fit` sets, beside those of `PixelPrediction`:
        _groups: int array, the pixels of `_training` that are held out together.

    Examples:
        >>> issubclass(uk.segmentation.PixelClassifier, LabelAdvice)
        True
    """

    _groups: np.ndarray

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
