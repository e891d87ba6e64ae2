"""A linear map of every pixel's patch pyramid."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import convolution, dense
from umbed_keras.ops.patch_pyramid import box_pyramid
from umbed_keras.typing import Shape, Tensor

# The middle of the range of images.
CENTRE = 0.5


@keras.saving.register_keras_serializable(package="umbed_keras")
class PyramidProjection(keras.layers.Layer):
    """Projects patch pyramids to vectors, at chosen pixels or at all of them.

    At chosen pixels it is a matrix product with the gathered pyramids. At all pixels the same map
    is computed as a dilated convolution of the box-filtered image for each level, and no pyramid
    is stored. All computation is in float32, whatever the dtype policy, because the precision of
    the latents limits that of the whole model.

    The inputs are centred at 0.5, and the kernel is stored times the square root of the number of
    inputs. An optimizer like Adam, whose steps have one size for all weights, then changes this
    map no faster than other layers.

    Args:
        units: int, size of the vectors.
        patch_size: even int, side of a patch.
        levels: int, levels of the pyramid.
        channels: int, channels of the images.
        **kwargs: `name`, `dtype` and further arguments of `keras.layers.Layer`.

    Call arguments:
        padded: images with the pixels around them that `box_pyramid` needs.

    A call returns a float32 tensor `(batch, height, width, units)`.

    Examples:
        >>> from umbed_keras.ops.patch_pyramid import pad_for_pyramid
        >>> layer = uk.layers.PyramidProjection(units=5, patch_size=4, levels=2, channels=3)
        >>> layer.build()
        >>> images = np.random.default_rng(0).random((1, 8, 10, 3), dtype="float32")
        >>> tuple(layer(pad_for_pyramid(images, patch_size=4, levels=2)).shape)
        (1, 8, 10, 5)
    """

    def __init__(self, units: int, patch_size: int, levels: int, channels: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.patch_size = patch_size
        self.levels = levels
        self.channels = channels

    def build(self, input_shape: Shape | None = None) -> None:
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

    def set_map(self, matrix: np.ndarray, bias: np.ndarray) -> None:
        """Sets the map `pyramid @ matrix + bias` of flattened pyramids.

        Args:
            matrix: float32 array `(levels * patch_size**2 * channels, units)`.
            bias: float32 array `(units,)`.
        """
        self.kernel.assign(ops.reshape(matrix * self.gain, self.kernel.shape))
        self.bias.assign(bias + CENTRE * matrix.sum(axis=0))

    def project(self, pyramids: Tensor) -> Tensor:
        """Maps gathered pyramids to vectors.

        Args:
            pyramids: float32 tensor `(..., levels, patch_size, patch_size, channels)`.

        Returns:
            float32 tensor `(..., units)`.
        """
        kernel, bias = self._weights()
        flat = ops.reshape(pyramids - CENTRE, (*ops.shape(pyramids)[:-4], -1))
        return dense(flat, ops.reshape(kernel, (-1, self.units)), bias)

    def call(self, padded: Tensor) -> Tensor:
        """Maps the pyramids of all pixels to vectors.

        Args:
            padded: floating tensor `(batch, height + 2 radius - 1, width + 2 radius - 1,
                channels)`, as `box_pyramid` takes it.

        Returns:
            float32 tensor `(batch, height, width, units)`.
        """
        kernel, bias = self._weights()
        centred = ops.cast(padded, "float32") - CENTRE
        pyramid = box_pyramid(centred, self.patch_size, self.levels)
        vectors = convolution(pyramid[0], kernel[0], bias)
        for level in range(1, self.levels):
            # In place on PyTorch.
            vectors += convolution(pyramid[level], kernel[level], dilation_rate=1 << level)
        return vectors

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "patch_size": self.patch_size,
            "levels": self.levels,
            "channels": self.channels,
        }

    def _weights(self):
        """Returns the kernel of the map itself and its bias, float32."""
        kernel, bias = (
            ops.cast(ops.convert_to_tensor(weight), "float32")
            for weight in (self.kernel, self.bias)
        )
        return kernel / self.gain, bias


def _orthonormal(shape, dtype=None):
    """Initializes orthonormal columns, computed in float32 whatever the dtype."""
    flat = (math.prod(shape[:-1]), shape[-1])
    matrix = keras.initializers.Orthogonal(seed=0)(flat, dtype="float32")
    return ops.cast(ops.reshape(matrix * math.sqrt(flat[0]), shape), dtype)
