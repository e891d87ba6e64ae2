"""The network that corrects a linear reconstruction."""

from typing import Any

import keras
from keras import ops

from umbed_keras.backend.affine import Dense, cast_weights, convolution, dense
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import Shape, Tensor

# Channels at half the resolution to which latents are spread.
LATENT_CHANNELS = 8


@keras.saving.register_keras_serializable(package="umbed_keras")
class PostFilter(keras.layers.Layer):
    """Network that computes a correction of images from these images and their latents.

    It works at half the resolution of the images: 3 x 3 convolutions and residual blocks of two
    convolutions without normalization (Lim et al. 2017). The last layer starts at zero.

    Args:
        channels: int, channels of the images.
        stride: int, even and at least 4, pixels between latent vectors along each axis.
        filters: int, channels inside.
        residual_blocks: int, number of residual blocks.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if an argument is not an integer or out of range, or `stride` is odd.

    Examples:
        >>> post_filter = uk.layers.PostFilter(stride=4, filters=4, residual_blocks=1)
        >>> latents, images = np.zeros((1, 2, 3, 5), "float32"), np.zeros((1, 8, 12, 3), "float32")
        >>> tuple(post_filter(latents, images).shape)
        (1, 8, 12, 3)
    """

    def __init__(
        self,
        channels: int = 3,
        stride: int = 8,
        filters: int = 48,
        residual_blocks: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integers(
            channels=(1, channels),
            stride=(4, stride),
            filters=(1, filters),
            residual_blocks=(0, residual_blocks),
        )
        if stride % 2:
            raise ValueError(f"`stride` must be even. Received: {stride}")
        self.channels = int(channels)
        self.stride = int(stride)
        self.filters = int(filters)
        self.residual_blocks = int(residual_blocks)

        def convolutional(name, filters, start="glorot_uniform"):
            return keras.layers.Conv2D(
                filters,
                3,
                data_format="channels_last",
                kernel_initializer=start,
                dtype=self.dtype_policy,
                name=name,
            )

        self.spread = Dense(
            (self.stride // 2) ** 2 * LATENT_CHANNELS, dtype=self.dtype_policy, name="spread"
        )
        self.entry = convolutional("entry", self.filters)
        self.blocks = [
            [convolutional(f"block_{index}_{half}", self.filters) for half in "ab"]
            for index in range(self.residual_blocks)
        ]
        self.exit = convolutional("exit", 4 * self.channels, "zeros")

    def build(self, input_shape: Shape) -> None:
        """Creates the weights for latents of shape `(batch, rows, cols, latent_dim)`."""
        self.spread.build((None, None, None, input_shape[-1]))
        self.entry.build((None, None, None, 4 * self.channels + LATENT_CHANNELS))
        for layer in (*(layer for pair in self.blocks for layer in pair), self.exit):
            layer.build((None, None, None, self.filters))

    def call(self, latents: Tensor, images: Tensor) -> Tensor:
        """Computes what is to be added to images.

        Args:
            latents: tensor `(batch, height / stride, width / stride, latent_dim)` in the compute
                dtype.
            images: tensor `(batch, height, width, channels)` in the compute dtype, about 0..1.

        Returns:
            Tensor `(batch, height, width, channels)` in the compute dtype.
        """
        spread = dense(latents, *cast_weights(self.spread, latents.dtype))
        spread = ops.depth_to_space(spread, self.stride // 2, "channels_last")
        # Scaled to about the variance of the latents.
        inputs = ops.space_to_depth(4 * images - 2, 2, "channels_last")
        features = self._convolve(self.entry, ops.concatenate([inputs, spread], axis=-1))
        for first, second in self.blocks:
            inner = self._convolve(first, ops.relu(features))
            features = features + self._convolve(second, ops.relu(inner))
        correction = self._convolve(self.exit, ops.relu(features))
        # Corrections are small compared with the range of images.
        return 0.1 * ops.depth_to_space(correction, 2, "channels_last")

    def compute_output_shape(self, latents_shape: Shape, images_shape: Shape) -> Shape:
        """Returns the shape of the correction, that of the images."""
        return images_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        names = ("channels", "stride", "filters", "residual_blocks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @staticmethod
    def _convolve(layer, features):
        return convolution(features, *cast_weights(layer, features.dtype), padding=1)
