"""Peak signal-to-noise ratio."""

from typing import Any

import keras
from keras import ops

from umbed_keras.metrics._image_mean import ImageMean
from umbed_keras.typing import Tensor

# Least mean squared error for a range of size 1; it corresponds to 100 dB.
LEAST_ERROR = 1e-10


@keras.saving.register_keras_serializable(package="umbed_keras")
class PSNR(ImageMean):
    """Mean peak signal-to-noise ratio of images in dB; higher is better.

    The ratio of an image is `10 log10(range^2 / mean squared error)`, at most 100 dB, so that one
    exact image does not make the mean infinite. Without any image, the result is NaN.

    Args:
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        >>> psnr = uk.metrics.PSNR()
        >>> psnr.update_state(np.zeros((2, 8, 8, 3)), np.full((2, 8, 8, 3), 0.1))
        >>> round(float(psnr.result()), 3)
        20.0
    """

    def __init__(
        self, value_range: tuple[float, float] = (0.0, 1.0), name: str = "psnr", **kwargs: Any
    ) -> None:
        super().__init__(value_range, name, **kwargs)

    def _values(self, references: Tensor, images: Tensor) -> Tensor:
        # Not `keras.ops.psnr`, which averages the error over the whole batch.
        errors = ops.mean(ops.square(images - references), axis=(1, 2, 3))
        return -10 * ops.log10(ops.maximum(errors, LEAST_ERROR))
