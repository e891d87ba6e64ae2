"""A linear map of the features of every pixel."""

import keras
from keras import ops

from umbed_keras.backend.affine import dense
from umbed_keras.ops.bilinear import enlarge, enlarged_at


@keras.saving.register_keras_serializable(package="umbed_keras")
class FeatureProjection(keras.layers.Layer):
    """Projects a backbone's feature maps to vectors, at chosen pixels or at all of them.

    A pixel's features are those of all maps, bilinearly enlarged. They are first brought to
    `components` numbers by a fixed linear map, and these to a vector by a trained one. Linear maps
    and enlarging commute: a map is projected at its own resolution, and only the few numbers of
    the result are enlarged. It computes in float32 whatever the policy.

    Args:
        units: int, size of the vectors.
        components: int, numbers that features are brought to first.
        strides: ints, pixels between the places of each map.
        channels: ints, of each map.
    """

    def __init__(self, units, components, strides, channels, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.units = int(units)
        self.components = int(components)
        self.strides = tuple(strides)
        self.channels = tuple(channels)

    def build(self, input_shape=None):
        fixed = {"initializer": "zeros", "trainable": False, "dtype": "float32", "autocast": False}
        self.analysis = self.add_weight(
            shape=(sum(self.channels), self.components), name="analysis", **fixed
        )
        self.mean = self.add_weight(shape=(self.components,), name="mean", **fixed)
        self.kernel = self.add_weight(
            shape=(self.components, self.units), initializer="zeros", autocast=False, name="kernel"
        )

    def set_analysis(self, matrix, mean):
        """Sets the fixed map `features @ matrix - mean` of all maps' features side by side."""
        self.analysis.assign(matrix)
        self.mean.assign(mean)

    def set_map(self, matrix):
        """Sets the trained map `(components, units)`."""
        self.kernel.assign(matrix)

    def call(self, maps):
        """Vectors `(batch, height, width, units)` of all pixels, from a backbone's maps."""
        kernel = ops.cast(ops.convert_to_tensor(self.kernel), "float32")
        bias = -ops.matmul(self.mean, kernel)
        vectors = None
        for features, stride, analysis in self._each(maps):
            enlarged = enlarge(dense(features, ops.matmul(analysis, kernel), bias), stride)
            if vectors is None:
                vectors, bias = enlarged, None
            else:
                vectors += enlarged  # in place where tensors can be
        return vectors

    def gather(self, maps, rows, cols):
        """The components `(batch, pixels, components)` of the features of chosen pixels."""
        found = -ops.convert_to_tensor(self.mean)
        for features, stride, analysis in self._each(maps):
            found = found + enlarged_at(dense(features, analysis), stride, rows, cols)
        return found

    def project(self, components):
        """Maps gathered components `(..., components)` to vectors `(..., units)`."""
        return ops.matmul(components, ops.cast(ops.convert_to_tensor(self.kernel), "float32"))

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "components": self.components,
            "strides": self.strides,
            "channels": self.channels,
        }

    def _each(self, maps):
        """Each map with its stride and its rows of the fixed map, float32."""
        analysis, start = ops.convert_to_tensor(self.analysis), 0
        for features, stride, channels in zip(maps, self.strides, self.channels, strict=True):
            yield ops.cast(features, "float32"), stride, analysis[start : start + channels]
            start += channels
