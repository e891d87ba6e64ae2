"""A linear map of every pixel's patch pyramid."""

import math

import keras
from keras import ops

from umbed_keras.backend.affine import convolution, dense
from umbed_keras.ops.patch_pyramid import box_pyramid, gather_patches

# The middle of the images' range.
CENTRE = 0.5


@keras.saving.register_keras_serializable(package="umbed_keras")
class PyramidProjection(keras.layers.Layer):
    """Projects patch pyramids to vectors, at chosen pixels or at all of them.

    At chosen pixels it is a matrix product with the gathered pyramid; at all pixels the same map
    is, for each level, a dilated convolution of the box-filtered image, and no pyramid exists. It
    computes in float32 whatever the policy: latents carry the precision of the whole model.

    The kernel is stored times the square root of its inputs' number, and the inputs are centred at
    0.5: an optimizer's step, of one size for all weights, then moves the map as gently as it
    moves any other layer.

    Args:
        units: int, size of the vectors.
        patch_size: even int, side of a patch.
        levels: int, levels of the pyramid.
        channels: int, channels of the images.
    """

    def __init__(self, units, patch_size, levels, channels, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.patch_size = patch_size
        self.levels = levels
        self.channels = channels

    def build(self, input_shape=None):
        patch = (self.patch_size, self.patch_size, self.channels)
        self.kernel = self.add_weight(
            shape=(self.levels, *patch, self.units),
            initializer=_orthonormal,
            autocast=False,
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.units,), initializer="zeros", autocast=False, name="bias"
        )
        self.gain = math.sqrt(self.levels * math.prod(patch))

    def set_map(self, matrix, bias):
        """Sets the map `pyramid -> pyramid @ matrix + bias` of flattened pyramids."""
        self.kernel.assign(ops.reshape(matrix * self.gain, self.kernel.shape))
        self.bias.assign(bias + CENTRE * matrix.sum(axis=0))

    def project(self, pyramids):
        """Maps gathered pyramids `(..., levels, patch, patch, channels)` to `(..., units)`."""
        kernel, bias = self._weights()
        flat = ops.reshape(pyramids - CENTRE, (*ops.shape(pyramids)[:-4], -1))
        return dense(flat, ops.reshape(kernel, (-1, self.units)), bias)

    def call(self, padded):
        """Maps every pixel.

        Args:
            padded: floating images with their surroundings, as `box_pyramid` takes them.

        Returns:
            `(batch, height, width, units)`, float32.
        """
        kernel, bias = self._weights()
        centred = ops.cast(padded, "float32") - CENTRE
        pyramid = box_pyramid(centred, self.patch_size, self.levels)
        vectors = convolution(pyramid[0], kernel[0], bias)
        for level in range(1, self.levels):
            # In place where tensors can be.
            vectors += convolution(pyramid[level], kernel[level], dilation_rate=1 << level)
        return vectors

    def gather(self, padded, rows, cols):
        """The pyramids of chosen pixels of padded images, float32."""
        pyramid = box_pyramid(ops.cast(padded, "float32"), self.patch_size, self.levels)
        return gather_patches(pyramid, rows, cols, self.patch_size)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "patch_size": self.patch_size,
            "levels": self.levels,
            "channels": self.channels,
        }

    def _weights(self):
        kernel, bias = (
            ops.cast(ops.convert_to_tensor(weight), "float32")
            for weight in (self.kernel, self.bias)
        )
        return kernel / self.gain, bias


def _orthonormal(shape, dtype=None):
    """A start with orthonormal columns, whatever the policy's precision."""
    flat = (math.prod(shape[:-1]), shape[-1])
    matrix = keras.initializers.Orthogonal(seed=0)(flat, dtype="float32")
    return ops.cast(ops.reshape(matrix * math.sqrt(flat[0]), shape), dtype)
