"""The residual block of LASER's and VQ-VAE's convolutional networks."""

from typing import Any

import keras
from keras import ops

from umbed_keras.backend.affine import Dense, cast_weights, convolution, dense
from umbed_keras.backend.batch_norm import batch_normalize
from umbed_keras.typing import Shape, Tensor

# Dtypes in which the statistics of a batch could overflow or lose precision.
HALF = ("float16", "bfloat16")


@keras.saving.register_keras_serializable(package="umbed_keras")
class ResidualBlock(keras.layers.Layer):
    """Residual block of VQ-VAE (van den Oord et al. 2017) with the batch normalization of LASER.

    A 3 x 3 convolution, ReLU and a 1 x 1 convolution, whose result is added to the input, and
    ReLU. Each convolution is followed by batch normalization.

    Args:
        units: int, channels between the two convolutions.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> block = uk.layers.ResidualBlock(units=2)
        >>> tuple(block(np.zeros((1, 4, 5, 3), "float32")).shape)
        (1, 4, 5, 3)
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)
        dtype = self.dtype_policy
        self.narrow = keras.layers.Conv2D(
            units, 3, data_format="channels_last", use_bias=False, dtype=dtype, name="narrow"
        )
        statistics = keras.DTypePolicy(f"mixed_{dtype.name}" if dtype.name in HALF else dtype.name)
        self.norms = [
            keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=statistics, name=f"norm_{index}"
            )
            for index in range(2)
        ]

    def build(self, input_shape: Shape) -> None:
        """Creates the weights for features of shape `(batch, height, width, channels)`."""
        channels = input_shape[-1]
        self.widen = Dense(channels, use_bias=False, dtype=self.dtype_policy, name="widen")
        outside, inside = ((None, None, None, size) for size in (channels, self.units))
        self.narrow.build(outside)
        self.norms[0].build(inside)
        self.widen.build(inside)
        self.norms[1].build(outside)

    def call(self, features: Tensor, training: bool = False) -> Tensor:
        """Applies the block.

        Args:
            features: tensor `(batch, height, width, channels)` in the compute dtype.
            training: bool; True normalizes by the statistics of the batch.

        Returns:
            Tensor of the same shape and dtype.
        """
        kernel, _ = cast_weights(self.narrow, features.dtype)
        inner = convolution(features, kernel, padding=1)
        inner = ops.relu(batch_normalize(self.norms[0], inner, training))
        kernel, _ = cast_weights(self.widen, features.dtype)
        outer = batch_normalize(self.norms[1], dense(inner, kernel), training)
        return ops.relu(features + outer)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "units": self.units}
