"""The convolutional network that maps latents to images."""

from typing import Any

import keras
from keras import ops

from umbed_keras.backend.affine import cast_weights, convolution, double_resolution
from umbed_keras.models.image_autoencoder.residual_block import ResidualBlock
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class ImageDecoder(keras.layers.Layer):
    """Decoder of residual blocks and transposed convolutions, as in VQ-VAE and LASER.

    Two 3 x 3 convolutions; residual blocks; 4 x 4 transposed convolutions of stride 2. The last
    but one has half the filters, the last one starts at zero.

    Args:
        channels: int, channels of the images.
        filters: int, channels inside.
        upsamplings: int, number of times that the resolution is doubled.
        residual_blocks: int, number of residual blocks.
        residual_units: int, channels inside a residual block.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if `upsamplings` is below 1.

    Examples:
        >>> decoder = uk.layers.ImageDecoder(channels=3, filters=4, residual_units=2)
        >>> tuple(decoder(np.zeros((1, 2, 3, 6), "float32")).shape)
        (1, 8, 12, 3)
    """

    def __init__(
        self,
        channels: int = 3,
        filters: int = 128,
        upsamplings: int = 2,
        residual_blocks: int = 2,
        residual_units: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if upsamplings < 1:
            raise ValueError(f"`upsamplings` must be at least 1. Received: {upsamplings}")
        self.channels = int(channels)
        self.filters = int(filters)
        self.upsamplings = int(upsamplings)
        self.residual_blocks = int(residual_blocks)
        self.residual_units = int(residual_units)
        dtype = self.dtype_policy
        self.entry, self.middle = (
            keras.layers.Conv2D(filters, 3, data_format="channels_last", dtype=dtype, name=name)
            for name in ("entry", "middle")
        )
        self.blocks = [
            ResidualBlock(residual_units, dtype=dtype, name=f"block_{index}")
            for index in range(self.residual_blocks)
        ]
        widths = [filters] * (self.upsamplings - 2) + [max(1, filters // 2), channels]
        self.up = [
            keras.layers.Conv2DTranspose(
                width,
                4,
                2,
                data_format="channels_last",
                kernel_initializer="glorot_uniform" if level < self.upsamplings - 1 else "zeros",
                dtype=dtype,
                name=f"up_{level}",
            )
            for level, width in enumerate(widths[-self.upsamplings :])
        ]

    def build(self, input_shape: Shape) -> None:
        """Creates the weights for latents of shape `(batch, rows, cols, units)`."""
        self.entry.build((None, None, None, input_shape[-1]))
        inside = (None, None, None, self.filters)
        self.middle.build(inside)
        for block in self.blocks:
            block.build(inside)
            block.built = True
        for layer in self.up:
            layer.build(inside)
            inside = (None, None, None, layer.filters)

    def call(self, latents: Tensor, training: bool = False) -> Tensor:
        """Maps latents to images.

        Args:
            latents: tensor `(batch, rows, cols, units)` in the compute dtype.
            training: bool; True normalizes by the statistics of the batch.

        Returns:
            Tensor `(batch, 2**upsamplings * rows, 2**upsamplings * cols, channels)` in the compute
            dtype.
        """
        features = convolution(latents, *cast_weights(self.entry, latents.dtype), padding=1)
        features = convolution(features, *cast_weights(self.middle, features.dtype), padding=1)
        for block in self.blocks:
            features = block(features, training=training)
        for layer in self.up[:-1]:
            features = ops.relu(double_resolution(features, *cast_weights(layer, features.dtype)))
        return double_resolution(features, *cast_weights(self.up[-1], features.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the images of latents of shape `input_shape`."""
        batch, height, width, _ = input_shape
        scale = 2**self.upsamplings
        larger = [None if size is None else scale * size for size in (height, width)]
        return (batch, *larger, self.channels)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "filters": self.filters,
            "upsamplings": self.upsamplings,
            "residual_blocks": self.residual_blocks,
            "residual_units": self.residual_units,
        }
