"""The U-Net of the pixel embedder."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from umbed_keras.backend.affine import Dense, cast_weights, convolution, dense
from umbed_keras.ops.reflect import reflect_pad
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class UNet(keras.layers.Layer):
    """Computes a vector for every pixel by a small U-Net (Ronneberger, Fischer & Brox 2015).

    Blocks of 2 x 2 pixels are folded into channels first, so that no convolution runs at full
    resolution; the finest detail is left to the linear map of the pyramids. Upsampling is a dense
    layer unfolded into 2 x 2 pixels. Skip connections are added, borders are reflected, and
    nothing is normalised. The last layer starts at zero.

    Args:
        units: int, size of the vectors.
        widths: ints, channels at 1/2, 1/4, 1/8, ... of the resolution.
        **kwargs: `name`, `dtype` and further arguments of `keras.layers.Layer`.

    Call arguments:
        images: tensor `(batch, height, width, channels)`; sizes are multiples of `stride`.

    A call returns a tensor `(batch, height, width, units)`.

    Examples:
        >>> layer = uk.layers.UNet(5, widths=(4, 8))
        >>> layer.stride, layer.radius
        (4, 16)
        >>> tuple(layer(np.zeros((1, 8, 12, 3), "float32")).shape)
        (1, 8, 12, 5)
    """

    def __init__(self, units: int, widths: Sequence[int] = (32, 64, 128), **kwargs: Any):
        super().__init__(**kwargs)
        self.units = units
        self.widths = tuple(widths)
        dtype = self.dtype_policy

        def conv2d(width, name, strides=1):
            return keras.layers.Conv2D(
                width, 3, strides, data_format="channels_last", dtype=dtype, name=name
            )

        self.down = [
            conv2d(width, f"down_{level}", strides=2 if level else 1)
            for level, width in enumerate(self.widths)
        ]
        self.middle = conv2d(self.widths[-1], "middle")
        self.lift = [
            Dense(4 * width, dtype=dtype, name=f"lift_{level}")
            for level, width in enumerate(self.widths[:-1])
        ]
        self.up = [conv2d(width, f"up_{level}") for level, width in enumerate(self.widths[:-1])]
        self.head = Dense(4 * units, kernel_initializer="zeros", dtype=dtype, name="head")

    @property
    def stride(self) -> int:
        """Pixels that heights and widths must be multiples of."""
        return 2 ** len(self.widths)

    @property
    def radius(self) -> int:
        """Bound on the distance in pixels to which vectors depend on the image.

        It is a multiple of `stride`.
        """
        # A convolution reaches one pixel of the resolution that it reads.
        pixels = [2 ** (level + 1) for level in range(len(self.widths))]
        upwards, downwards = sum(pixels), pixels[0] + sum(pixels[:-1])
        # Folding reaches to the end of the largest block.
        reach = upwards + downwards + self.stride - 1
        return -(-reach // self.stride) * self.stride

    def build(self, input_shape: Shape) -> None:
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

    def call(self, images: Tensor, units: int | None = None) -> Tensor:
        """Computes the vectors of all pixels.

        Args:
            images: floating tensor `(batch, height, width, channels)`; sizes are multiples of
                `stride`.
            units: int, number of leading entries of the vectors to compute. None is all.

        Returns:
            Tensor `(batch, height, width, units)` in the layer's compute dtype.
        """
        return ops.depth_to_space(self._head(self._features(images), units), 2, "channels_last")

    def at_pixels(self, images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
        """Computes the vectors of chosen pixels, where alone the last layer is applied.

        Args:
            images: floating tensor `(batch, height, width, channels)`, as in `call`.
            rows: int32 tensor `(batch, pixels)`.
            cols: int32 tensor `(batch, pixels)`.

        Returns:
            Tensor `(batch, pixels, units)` in the layer's compute dtype.
        """
        features = self._features(ops.cast(images, self.compute_dtype))
        batch, height, width, channels = ops.shape(features)
        image = ops.arange(batch, dtype="int32")[:, None]
        index = (image * height + rows // 2) * width + cols // 2
        chosen = ops.take(ops.reshape(features, (-1, channels)), index, axis=0)
        # Each position unfolds into 2 x 2 pixels, one of which is chosen.
        unfolded = ops.reshape(self._head(chosen), (*ops.shape(rows), 4, self.units))
        inside = rows % 2 * 2 + cols % 2
        return ops.squeeze(ops.take_along_axis(unfolded, inside[:, :, None, None], axis=2), axis=2)

    def _features(self, images):
        """Computes the inputs of the last layer, at half the resolution."""
        skips = []
        features = ops.space_to_depth(images, 2, "channels_last")
        for level, layer in enumerate(self.down):
            # A stride of 2 over an even size needs no padding at its end.
            features = _convolve(layer, features, (1, 0) if level else (1, 1))
            skips.append(features)
        features = _convolve(self.middle, features)
        for level in reversed(range(len(self.up))):
            lifted = dense(features, *cast_weights(self.lift[level], features.dtype))
            features = ops.relu(ops.depth_to_space(lifted, 2, "channels_last") + skips[level])
            features = _convolve(self.up[level], features)
        return features

    def _head(self, features, units=None):
        """Computes the vectors of 2 x 2 pixels, `(..., 4 units)`, or their leading entries."""
        kernel, bias = cast_weights(self.head, features.dtype)
        if units is not None:
            kernel, bias = (
                ops.reshape(
                    ops.reshape(weight, (*weight.shape[:-1], 4, self.units))[..., :units],
                    (*weight.shape[:-1], 4 * units),
                )
                for weight in (kernel, bias)
            )
        return dense(features, kernel, bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "widths": self.widths}


def _convolve(layer, features, pad=(1, 1)):
    """Applies a layer's convolution and activation to reflected borders."""
    padded = reflect_pad(features, pad, pad)
    kernel, bias = cast_weights(layer, features.dtype)
    return ops.relu(convolution(padded, kernel, bias, layer.strides[0]))
