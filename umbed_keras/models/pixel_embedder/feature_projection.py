"""A linear map of a backbone's features at every pixel."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import dense
from umbed_keras.ops.bilinear import enlarged_at, sum_enlarged
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class FeatureProjection(keras.layers.Layer):
    """Projects a backbone's feature maps to vectors, at chosen pixels or at all of them.

    The features of a pixel are those of all maps, bilinearly enlarged to the image's resolution.
    A fixed linear map reduces them to `components` numbers, and a trained one maps these to a
    vector. Linear maps commute with enlargement: each map is projected at its own resolution, and
    only the result, which has few channels, is enlarged. All computation is in float32, whatever
    the dtype policy.

    Args:
        units: int, size of the vectors.
        components: int, number of components that the fixed map returns.
        strides: ints, pixels between neighbouring positions of each map.
        channels: ints, number of channels of each map.
        use_bias: bool, True adds a trained constant to the vectors.
        **kwargs: `name`, `dtype` and further arguments of `keras.layers.Layer`.

    Call arguments:
        maps: sequence of tensors `(batch, height / stride, width / stride, channels)`.

    A call returns a float32 tensor `(batch, height, width, units)`.

    Examples:
        >>> layer = uk.layers.FeatureProjection(4, components=3, strides=(2, 4), channels=(5, 6))
        >>> layer.build()
        >>> maps = [np.ones((1, 4, 8, 5), "float32"), np.ones((1, 2, 4, 6), "float32")]
        >>> tuple(layer(maps).shape)
        (1, 8, 16, 4)
    """

    def __init__(
        self,
        units: int,
        components: int,
        strides: Sequence[int],
        channels: Sequence[int],
        use_bias: bool = False,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.units = int(units)
        self.components = int(components)
        self.strides = tuple(strides)
        self.channels = tuple(channels)
        self.use_bias = bool(use_bias)

    def build(self, input_shape: Shape | None = None) -> None:
        fixed = {"initializer": "zeros", "trainable": False, "dtype": "float32", "autocast": False}
        self.analysis = self.add_weight(
            shape=(sum(self.channels), self.components), name="analysis", **fixed
        )
        self.mean = self.add_weight(shape=(self.components,), name="mean", **fixed)
        self.kernel = self.add_weight(
            shape=(self.components, self.units), initializer="zeros", autocast=False, name="kernel"
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.units,), initializer="zeros", autocast=False, name="bias"
            )

    def set_analysis(self, matrix: np.ndarray, mean: np.ndarray) -> None:
        """Sets the fixed map `features @ matrix - mean`.

        Args:
            matrix: float32 array `(sum(channels), components)`. The features of all maps stand
                side by side.
            mean: float32 array `(components,)`.
        """
        self.analysis.assign(matrix)
        self.mean.assign(mean)

    def set_map(self, matrix: np.ndarray) -> None:
        """Sets the trained map to a float32 array `(components, units)`."""
        self.kernel.assign(matrix)

    def call(self, maps: Sequence[Tensor], units: int | None = None) -> Tensor:
        """Projects the features of all pixels.

        Args:
            maps: tensors `(batch, height / stride, width / stride, channels)`.
            units: int, number of leading entries of the vectors to compute; None is all.

        Returns:
            float32 tensor `(batch, height, width, units)`.
        """
        kernel, bias = self._trained(units)
        bias = bias - ops.matmul(self.mean, kernel)
        projected = []
        for features, _, analysis in self._each(maps):
            projected.append(dense(features, ops.matmul(analysis, kernel), bias))
            bias = None
        return sum_enlarged(projected, self.strides)

    def gather(self, maps: Sequence[Tensor], rows: Tensor, cols: Tensor) -> Tensor:
        """Computes the components of the features of chosen pixels.

        Args:
            maps: tensors `(batch, height / stride, width / stride, channels)`.
            rows: int32 tensor `(batch, pixels)`.
            cols: int32 tensor `(batch, pixels)`.

        Returns:
            float32 tensor `(batch, pixels, components)`.
        """
        components = -ops.convert_to_tensor(self.mean)
        for features, stride, analysis in self._each(maps):
            components = components + enlarged_at(dense(features, analysis), stride, rows, cols)
        return components

    def project(self, components: Tensor) -> Tensor:
        """Maps components `(..., components)` to vectors `(..., units)`, float32."""
        kernel, bias = self._trained()
        return ops.matmul(components, kernel) + bias

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "components": self.components,
            "strides": self.strides,
            "channels": self.channels,
            "use_bias": self.use_bias,
        }

    def _trained(self, units: int | None = None) -> tuple[Tensor, Tensor | float]:
        """Returns the leading columns of the trained map and its constant, in float32."""
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), "float32")[:, :units]
        if not self.use_bias:
            return kernel, 0.0
        return kernel, ops.cast(ops.convert_to_tensor(self.bias), "float32")[:units]

    def _each(self, maps: Sequence[Tensor]) -> Iterator[tuple[Tensor, int, Tensor]]:
        """Yields each map in float32 with its stride and its rows of the fixed map."""
        analysis, start = ops.convert_to_tensor(self.analysis), 0
        for features, stride, channels in zip(maps, self.strides, self.channels, strict=True):
            yield ops.cast(features, "float32"), stride, analysis[start : start + channels]
            start += channels
