"""The residual block of LASER's and VQ-VAE's convolutional networks."""

import keras
from keras import ops

from umbed_keras.backend.affine import cast_weights, convolution, dense
from umbed_keras.backend.batch_norm import batch_normalize

HALF = ("float16", "bfloat16")


@keras.saving.register_keras_serializable(package="umbed_keras")
class ResidualBlock(keras.layers.Layer):
    """3x3 convolution, ReLU, 1x1 convolution, added to the input, ReLU; batch-normalised.

    As in VQ-VAE (van den Oord et al. 2017), with the normalisation of LASER.

    Args:
        units: int, channels between the two convolutions.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = int(units)
        dtype = self.dtype_policy
        self.narrow = keras.layers.Conv2D(
            units, 3, data_format="channels_last", use_bias=False, dtype=dtype, name="narrow"
        )
        # In half precision a statistic could overflow.
        whole = keras.DTypePolicy(f"mixed_{dtype.name}" if dtype.name in HALF else dtype.name)
        self.norms = [
            keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=whole, name=f"norm_{place}"
            )
            for place in range(2)
        ]

    def build(self, input_shape):
        channels = input_shape[-1]
        self.widen = keras.layers.Dense(
            channels, use_bias=False, dtype=self.dtype_policy, name="widen"
        )
        outside, inside = ((None, None, None, size) for size in (channels, self.units))
        self.narrow.build(outside)
        self.norms[0].build(inside)
        self.widen.build(inside)
        self.norms[1].build(outside)

    def call(self, features, training=False):
        """Maps `(batch, height, width, channels)` to the same shape."""
        kernel, _ = cast_weights(self.narrow, features.dtype)
        inner = convolution(features, kernel, padding=1)
        inner = ops.relu(batch_normalize(self.norms[0], inner, training))
        kernel, _ = cast_weights(self.widen, features.dtype)
        outer = batch_normalize(self.norms[1], dense(inner, kernel), training)
        return ops.relu(features + outer)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
