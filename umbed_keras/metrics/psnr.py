"""Peak signal-to-noise ratio."""

import keras
from keras import ops

from umbed_keras.metrics._unit_images import check_value_range, unit_images

# The mean squared error, in a range of size 1, below which images count as equal: 100 dB.
LEAST_ERROR = 1e-10


@keras.saving.register_keras_serializable(package="umbed_keras")
class PSNR(keras.metrics.Mean):
    """Peak signal-to-noise ratio in dB, the mean over images; higher is better.

    An image's ratio is `10 log10(range^2 / mean squared error)`. It counts 100 dB at most, which
    is what equal images get: one of them doesn't make the mean infinite. 0 before any image.

    Args:
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `value_range` without low < high.
    """

    def __init__(self, value_range=(0.0, 1.0), name="psnr", **kwargs):
        super().__init__(name=name, **kwargs)
        self.value_range = check_value_range(value_range)
        self._direction = "up"  # where Keras's callbacks look for what better means

    def update_state(self, references, images, sample_weight=None):
        """Adds images.

        Args:
            references, images: `(batch, height, width, channels)`, uint8 or floats.
            sample_weight: None, or one weight an image, `(batch,)`.

        Raises:
            TypeError: a dtype that is neither uint8 nor floating.
            ValueError: unequal shapes or another rank.
        """
        references, images = unit_images(references, images, self.value_range)
        # Not `keras.ops.psnr`, which takes the error over the whole batch.
        errors = ops.mean(ops.square(images - references), axis=(1, 2, 3))
        ratios = -10 * ops.log10(ops.maximum(errors, LEAST_ERROR))
        super().update_state(ratios, sample_weight=sample_weight)

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range}
