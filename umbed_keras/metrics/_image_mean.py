"""A metric that averages a number of each image."""

import keras

from umbed_keras.metrics._unit_images import check_value_range, unit_images


class ImageMean(keras.metrics.Mean):
    """The mean over images of a number that compares each with its reference; higher is better.

    A subclass has `min_size`, the least height and width of images, and `_values`.

    Args:
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `value_range` without low < high.
    """

    min_size = 1

    def __init__(self, value_range, name, **kwargs):
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
            ValueError: unequal shapes, another rank or too small images.
        """
        pair = unit_images(references, images, self.value_range, min_size=self.min_size)
        super().update_state(self._values(*pair), sample_weight=sample_weight)

    def _values(self, references, images):
        """The number of each image, `(batch,)`, from float32 in 0..1."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "value_range": self.value_range}
