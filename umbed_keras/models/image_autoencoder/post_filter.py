"""The network that mends a linear reconstruction."""

import keras
from keras import ops

from umbed_keras.backend.affine import cast_weights, convolution, dense
from umbed_keras.ops.checks import check_integers

# Channels, at half the resolution, through which the network sees the latents.
LATENT_CHANNELS = 8


@keras.saving.register_keras_serializable(package="umbed_keras")
class PostFilter(keras.layers.Layer):
    """What is to be added to images rebuilt from a map of latents, by a network that sees both.

    It works at half the images' resolution: 3x3 convolutions and residual blocks of two of them,
    without normalisation (as Lim et al. 2017 for super-resolution). Its last layer starts at zero.

    Args:
        channels: int, of the images.
        stride: int, even and at least 4, pixels for which a latent vector stands, along each axis.
        filters: int, channels inside.
        residual_blocks: int.
    """

    def __init__(self, channels=3, stride=8, filters=48, residual_blocks=3, **kwargs):
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

        self.spread = keras.layers.Dense(
            (self.stride // 2) ** 2 * LATENT_CHANNELS, dtype=self.dtype_policy, name="spread"
        )
        self.entry = convolutional("entry", self.filters)
        self.blocks = [
            [convolutional(f"block_{place}_{half}", self.filters) for half in "ab"]
            for place in range(self.residual_blocks)
        ]
        self.exit = convolutional("exit", 4 * self.channels, "zeros")

    def build(self, input_shape):
        self.spread.build((None, None, None, input_shape[-1]))
        self.entry.build((None, None, None, 4 * self.channels + LATENT_CHANNELS))
        for layer in (*(layer for pair in self.blocks for layer in pair), self.exit):
            layer.build((None, None, None, self.filters))

    def call(self, latents, images):
        """The correction `(batch, height, width, channels)` of images.

        Args:
            latents: `(batch, height / stride, width / stride, latent_dim)`.
            images: `(batch, height, width, channels)`, about 0..1.
        """
        spread = dense(latents, *cast_weights(self.spread, latents.dtype))
        spread = ops.depth_to_space(spread, self.stride // 2, "channels_last")
        # About as large as what else goes into the network.
        seen = ops.space_to_depth(4 * images - 2, 2, "channels_last")
        features = self._convolve(self.entry, ops.concatenate([seen, spread], axis=-1))
        for first, second in self.blocks:
            inner = self._convolve(first, ops.relu(features))
            features = features + self._convolve(second, ops.relu(inner))
        correction = self._convolve(self.exit, ops.relu(features))
        # A small part of an image's range.
        return 0.1 * ops.depth_to_space(correction, 2, "channels_last")

    def compute_output_shape(self, latents_shape, images_shape):
        return images_shape

    def get_config(self):
        names = ("channels", "stride", "filters", "residual_blocks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @staticmethod
    def _convolve(layer, features):
        return convolution(features, *cast_weights(layer, features.dtype), padding=1)
