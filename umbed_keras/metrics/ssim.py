"""Structural similarity."""

import keras
from keras import ops

from umbed_keras.metrics._image_mean import ImageMean


@keras.saving.register_keras_serializable(package="umbed_keras")
class SSIM(ImageMean):
    """Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004), the mean over images.

    From -1 to 1, higher is better; 1 for equal images, 0 before any image. Gaussian windows of
    11x11 pixels with standard deviation 1.5 that lie wholly inside the image (which is at least
    as large), `k1 = 0.01` and `k2 = 0.03`, averaged over windows and channels. Images are brought
    to 0..1 first, so the result doesn't depend on the range they come in.

    Args:
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `value_range` without low < high.
    """

    min_size = 11

    def __init__(self, value_range=(0.0, 1.0), name="ssim", **kwargs):
        super().__init__(value_range, name, **kwargs)

    def _values(self, references, images):
        return ops.image.ssim(
            references, images, filter_size=self.min_size, data_format="channels_last"
        )
