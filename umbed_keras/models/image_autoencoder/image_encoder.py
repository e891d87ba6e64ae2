"""The convolutional network that maps images to latents."""

from typing import Any

import keras
from keras import ops

from umbed_keras.backend.affine import Dense, cast_weights, convolution, dense
from umbed_keras.models.image_autoencoder.residual_block import ResidualBlock
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ImageEncoder(keras.layers.Layer):
    """Encoder of strided convolutions and residual blocks, as in VQ-VAE and LASER.

    4 x 4 convolutions of stride 2, the first with half the filters; a 3 x 3 convolution; residual
    blocks; a 1 x 1 convolution to `units`, which starts at zero.

    Args:
        units: int, size of a latent vector.
        filters: int, channels inside.
        downsamplings: int, number of times that the resolution is halved.
        residual_blocks: int, number of residual blocks.
        residual_units: int, channels inside a residual block.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> encoder = uk.layers.ImageEncoder(units=6, filters=4, residual_units=2)
        >>> tuple(encoder(np.zeros((1, 8, 12, 3), "float32")).shape)
        (1, 2, 3, 6)
    """

    def __init__(
        self,
        units: int,
        filters: int = 128,
        downsamplings: int = 2,
        residual_blocks: int = 2,
        residual_units: int = 64,
        **kwargs: Any,
    ) -> None:
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
            ResidualBlock(residual_units, dtype=dtype, name=f"block_{index}")
            for index in range(self.residual_blocks)
        ]
        self.head = Dense(self.units, kernel_initializer="zeros", dtype=dtype, name="head")

    @property
    def stride(self) -> int:
        """Pixels between latent vectors, of which heights and widths must be multiples."""
        return 2**self.downsamplings

    def build(self, input_shape: Shape) -> None:
        """Creates the weights for images of shape `(batch, height, width, channels)`."""
        channels = input_shape[-1]
        for layer in (*self.down, self.middle):
            layer.build((None, None, None, channels))
            channels = layer.filters
        for layer in (*self.blocks, self.head):
            layer.build((None, None, None, channels))
            layer.built = True

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        """Maps images to latent vectors.

        Args:
            images: tensor `(batch, height, width, channels)` in the compute dtype, with sizes that
                are multiples of `stride`.
            training: bool; True normalizes by the statistics of the batch.

        Returns:
            Tensor `(batch, height / stride, width / stride, units)` in the compute dtype.
        """
        features = images
        for layer in self.down:
            kernel, bias = cast_weights(layer, features.dtype)
            features = ops.relu(convolution(features, kernel, bias, strides=2, padding=1))
        features = convolution(features, *cast_weights(self.middle, features.dtype), padding=1)
        for block in self.blocks:
            features = block(features, training=training)
        return dense(features, *cast_weights(self.head, features.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the latents of images of shape `input_shape`."""
        batch, height, width, _ = input_shape
        smaller = [None if size is None else size // self.stride for size in (height, width)]
        return (batch, *smaller, self.units)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "filters": self.filters,
            "downsamplings": self.downsamplings,
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
        }
