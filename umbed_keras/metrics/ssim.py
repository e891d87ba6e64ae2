"""Structural similarity."""

import keras
from keras import ops

from umbed_keras.metrics._unit_images import check_value_range, unit_images

WINDOW = 11


@keras.saving.register_keras_serializable(package="umbed_keras")
class SSIM(keras.metrics.Mean):
    """Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004), the mean over images.

    From -1 to 1, higher is better; 1 for equal images, 0 before any image. Gaussian windows of
    11x11 pixels with standard deviation 1.5 that lie wholly inside the image, `k1 = 0.01` and
    `k2 = 0.03`, averaged over windows and channels. Images are brought to 0..1 first, so the
    result doesn't depend on the range they come in.

    Args:
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `value_range` without low < high.
    """

    def __init__(self, value_range=(0.0, 1.0), name="ssim", **kwargs):
        super().__init__(name=name, **kwargs)
        self.value_range = check_value_range(value_range)
        self._direction = "up"  # where Keras's callbacks look for what better means

    def update_state(self, references, images, sample_weight=None):
        """Adds images.

        Args:
            references, images: `(batch, height, width, channels)`, uint8 or floats, at least 11
                pixels high and wide.
            sample_weight: None, or one weight an image, `(batch,)`.

        Raises:
            TypeError: a dtype that is neither uint8 nor floating.
            ValueError: unequal shapes, another rank or too small images.
        """
        references, images = unit_images(references, images, self.value_range, min_size=WINDOW)
        values = ops.image.ssim(references, images, filter_size=WINDOW, data_format="channels_last")
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range}
