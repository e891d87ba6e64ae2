"""Base of metrics that average a number for each image."""

from typing import Any

from umbed_keras.metrics._mean import Mean
from umbed_keras.metrics._unit_images import check_value_range, unit_images
from umbed_keras.typing import ArrayLike, Tensor


class ImageMean(Mean):
    """Mean over images of a number that compares an image with its reference; higher is better.

    Subclasses implement `_values`, and may set `min_size`, the least height and width of images.

    Args:
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if `value_range` is not two numbers with low < high.
    """

    min_size = 1

    def __init__(self, value_range: tuple[float, float], name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.value_range = check_value_range(value_range)
        self._direction = "up"  # read by Keras's callbacks

    def update_state(
        self, references: ArrayLike, images: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Adds a batch of images.

        Args:
            references: `(batch, height, width, channels)`, uint8, or floats in `value_range`.
            images: like `references`.
            sample_weight: weights `(batch,)` of the images, or None.

        Raises:
            TypeError: if a dtype is neither uint8 nor floating-point.
            ValueError: if the shapes differ, do not have four axes, or are too small.
        """
        pair = unit_images(references, images, self.value_range, min_size=self.min_size)
        super().update_state(self._values(*pair), sample_weight=sample_weight)

    def _values(self, references: Tensor, images: Tensor) -> Tensor:
        """Returns the numbers of float32 images in 0..1, `(batch,)`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}
