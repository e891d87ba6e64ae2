"""Structural similarity."""

from typing import Any

import keras
from keras import ops

from umbed_keras.metrics._image_mean import ImageMean
from umbed_keras.typing import Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class SSIM(ImageMean):
    """Mean structural similarity of images; higher is better.

    Values range from -1 to 1, which equal images reach. Without any image, the result is NaN. The
    windows are Gaussians of 11x11 pixels with standard deviation 1.5 inside the image; constants
    are `k1 = 0.01` and `k2 = 0.03`. Windows and channels are averaged. Images are scaled to 0..1
    first, so the result does not depend on their range.

    Reference: Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility
    to structural similarity", 2004.

    Args:
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        >>> images = np.random.default_rng(0).random((2, 16, 16, 3))
        >>> ssim = uk.metrics.SSIM()
        >>> ssim.update_state(images, images)
        >>> round(float(ssim.result()), 3)
        1.0
    """

    min_size = 11

    def __init__(
        self, value_range: tuple[float, float] = (0.0, 1.0), name: str = "ssim", **kwargs: Any
    ) -> None:
        super().__init__(value_range, name, **kwargs)

    def _values(self, references: Tensor, images: Tensor) -> Tensor:
        return ops.image.ssim(
            references, images, filter_size=self.min_size, data_format="channels_last"
        )
