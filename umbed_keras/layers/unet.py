"""The U-Net that looks at an image's content."""

import keras
from keras import ops

from umbed_keras.ops.reflect import reflect_pad


@keras.saving.register_keras_serializable(package="umbed_keras")
class UNet(keras.layers.Layer):
    """A small U-Net (Ronneberger, Fischer & Brox 2015) that gives every pixel a vector.

    Every pair of neighbouring rows and columns is folded into channels first, so that no
    convolution runs at full resolution: the finest detail is the business of the linear path
    beside it. Upsampling is a product per pixel unfolded into 2x2 pixels, skips are added,
    borders reflect, nothing is normalised. The last layer starts at zero.

    Args:
        units: int, size of the vectors.
        widths: ints, channels at 1/2, 1/4, 1/8 ... of the resolution.
    """

    def __init__(self, units, widths=(32, 64, 128), **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.widths = tuple(widths)
        dtype = self.dtype_policy

        def convolution(width, name, strides=1):
            return keras.layers.Conv2D(width, 3, strides, activation="relu", dtype=dtype, name=name)

        self.down = [
            convolution(width, f"down_{level}", strides=2 if level else 1)
            for level, width in enumerate(self.widths)
        ]
        self.middle = convolution(self.widths[-1], "middle")
        self.lift = [
            keras.layers.Dense(4 * width, dtype=dtype, name=f"lift_{level}")
            for level, width in enumerate(self.widths[:-1])
        ]
        self.up = [
            convolution(width, f"up_{level}") for level, width in enumerate(self.widths[:-1])
        ]
        self.head = keras.layers.Dense(
            4 * units, kernel_initializer="zeros", dtype=dtype, name="head"
        )

    @property
    def stride(self):
        """Heights and widths must be multiples of this."""
        return 2 ** len(self.widths)

    @property
    def radius(self):
        """A vector depends on no pixel further away than this, a multiple of `stride`."""
        # A convolution reaches one pixel of the resolution that it reads.
        pixels = [2 ** (level + 1) for level in range(len(self.widths))]
        upwards, downwards = sum(pixels), pixels[0] + sum(pixels[:-1])
        # And folding reaches to the end of the largest block.
        reach = upwards + downwards + self.stride - 1
        return -(-reach // self.stride) * self.stride

    def build(self, input_shape):
        sizes = [(None, None, None, width) for width in self.widths]
        for layer, before in zip(
            self.down, [(None, None, None, 4 * input_shape[-1]), *sizes], strict=False
        ):
            layer.build(before)
        self.middle.build(sizes[-1])
        for level in range(len(self.widths) - 1):
            self.lift[level].build(sizes[level + 1])
            self.up[level].build(sizes[level])
        self.head.build(sizes[0])

    def call(self, images):
        """Maps images `(batch, height, width, channels)` to `(batch, height, width, units)`."""
        skips = []
        features = ops.space_to_depth(images, 2)
        for level, layer in enumerate(self.down):
            # A stride of 2 over an even size needs no padding at its end.
            pad = (1, 0) if level else (1, 1)
            features = layer(reflect_pad(features, pad, pad))
            skips.append(features)
        features = self.middle(reflect_pad(features, (1, 1), (1, 1)))
        for level in reversed(range(len(self.up))):
            features = ops.depth_to_space(self.lift[level](features), 2) + skips[level]
            features = self.up[level](reflect_pad(ops.relu(features), (1, 1), (1, 1)))
        return ops.depth_to_space(self.head(features), 2)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "widths": self.widths}
