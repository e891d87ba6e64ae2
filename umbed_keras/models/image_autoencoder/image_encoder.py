"""The convolutional network that turns images into a map of latents."""

import keras
from keras import ops

from umbed_keras.backend.affine import cast_weights, convolution, dense
from umbed_keras.models.image_autoencoder.residual_block import ResidualBlock


@keras.saving.register_keras_serializable(package="umbed_keras")
class ImageEncoder(keras.layers.Layer):
    """Strided convolutions and residual blocks, as in VQ-VAE and LASER.

    4x4 convolutions of stride 2, the first with half the filters; a 3x3 convolution; residual
    blocks; a 1x1 convolution to `units`, which starts at zero.

    Args:
        units: int, size of a latent vector.
        filters: int, channels inside.
        downsamplings: int, times that the resolution is halved.
        residual_blocks: int.
        residual_units: int, channels inside a residual block.
    """

    def __init__(
        self, units, filters=128, downsamplings=2, residual_blocks=2, residual_units=64, **kwargs
    ):
        super().__init__(**kwargs)
        self.units = int(units)
        self.filters = int(filters)
        self.downsamplings = int(downsamplings)
        self.residual_blocks = int(residual_blocks)
        self.residual_units = int(residual_units)
        dtype = self.dtype_policy
        self.down = [
            keras.layers.Conv2D(
                filters if level else max(1, filters // 2),
                4,
                2,
                data_format="channels_last",
                dtype=dtype,
                name=f"down_{level}",
            )
            for level in range(self.downsamplings)
        ]
        self.middle = keras.layers.Conv2D(
            filters, 3, data_format="channels_last", dtype=dtype, name="middle"
        )
        self.blocks = [
            ResidualBlock(residual_units, dtype=dtype, name=f"block_{place}")
            for place in range(self.residual_blocks)
        ]
        self.head = keras.layers.Dense(
            self.units, kernel_initializer="zeros", dtype=dtype, name="head"
        )

    @property
    def stride(self):
        """Heights and widths must be multiples of this."""
        return 2**self.downsamplings

    def build(self, input_shape):
        channels = input_shape[-1]
        for layer in (*self.down, self.middle):
            layer.build((None, None, None, channels))
            channels = layer.filters
        for layer in (*self.blocks, self.head):
            layer.build((None, None, None, channels))
            layer.built = True

    def call(self, images, training=False):
        """Maps images to `(batch, height / stride, width / stride, units)`."""
        features = images
        for layer in self.down:
            kernel, bias = cast_weights(layer, features.dtype)
            features = ops.relu(convolution(features, kernel, bias, strides=2, padding=1))
        features = convolution(features, *cast_weights(self.middle, features.dtype), padding=1)
        for block in self.blocks:
            features = block(features, training=training)
        return dense(features, *cast_weights(self.head, features.dtype))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        smaller = [None if size is None else size // self.stride for size in (height, width)]
        return (batch, *smaller, self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "filters": self.filters,
            "downsamplings": self.downsamplings,
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
        }
