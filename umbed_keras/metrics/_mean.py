"""A mean that is NaN without any number."""

import keras
from keras import ops

from umbed_keras.typing import Tensor


class Mean(keras.metrics.Mean):
    """Mean of numbers, NaN if there are none, where Keras's is 0."""

    def result(self) -> Tensor:
        """Returns the mean, a float32 scalar tensor; NaN if the weights sum to 0."""
        count = ops.convert_to_tensor(self.count)
        return ops.where(count == 0, float("nan"), super().result())
