"""Starting values of a pixel embedder's linear maps: principal components."""

import math

import numpy as np
from keras import ops

from umbed_keras.models.base.linear_start import LinearStartMixin
from umbed_keras.models.base.principal_components import principal_components
from umbed_keras.ops.bilinear import enlarged_at
from umbed_keras.ops.patch_pyramid import patch_pyramid
from umbed_keras.typing import Tensor


class PyramidStartMixin(LinearStartMixin):
    """Starts the linear maps at the principal components of pyramids and features.

    It implements the hooks of `adapt`: samples of what the model rebuilds, their weights in the
    loss, and the assignment of principal components to encoder and decoder.

    Examples:
        >>> model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=1)
        >>> image = keras.random.uniform((1, 8, 8, 3))
        >>> model.sample_for_start(image, 10, np.random.default_rng(0)).shape
        (10, 48)
    """

    def sample_for_start(
        self, images: Tensor, count: int, random: np.random.Generator
    ) -> np.ndarray:
        """Returns the pyramids and backbone features of random pixels of one image.

        Args:
            images: float32 tensor `(1, height, width, channels)` in 0..1.
            count: int, number of pixels, drawn with replacement.
            random: NumPy generator.

        Returns:
            NumPy float32 array `(count, values)`: flattened pyramids, followed by the features of
            all maps of the backbone, if there is one.
        """
        rows, cols = (
            random.integers(size, size=(1, count), dtype="int32") for size in images.shape[1:3]
        )
        pyramids = patch_pyramid(images, rows, cols, self.patch_size, self.pyramid_levels)
        samples = [ops.convert_to_numpy(pyramids).reshape(count, -1)]
        if self.backbone:
            maps = self._compiled(self._feature_maps)(self._padded(images))
            for features, stride in zip(maps, self.backbone.strides, strict=True):
                features = ops.cast(features, "float32")
                samples.append(ops.convert_to_numpy(enlarged_at(features, stride, rows, cols))[0])
        return np.concatenate(samples, axis=1)

    def weigh_samples(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """Scales samples so that squared errors count as they do in the loss.

        With a backbone it also sets the fixed analysis of features to their principal components.

        Args:
            samples: NumPy float32 array `(n, values)` from `sample_for_start`.

        Returns:
            Tuple of the scaled samples, a NumPy float32 array `(n, dim)` with pyramids followed by
            components of features, and the number of values in a pyramid.
        """
        values = math.prod(self.decoder.patch_shape)
        if not self.backbone:
            return samples, values
        pyramids, features = samples[:, :values], samples[:, values:]
        weights = _feature_weights(features, self.backbone.channels, self.backbone.shares)
        mean, components, deviations = principal_components(
            features * weights, self.feature_components
        )
        # The components' total variance is 1, so that an error is the share that is not rebuilt.
        components /= max(np.sqrt(np.sum(deviations**2)), 1e-3)
        self.features.set_analysis(weights[:, None] * components, mean @ components)
        features = (features * weights - mean) @ components
        return np.concatenate([pyramids, self._feature_gain * features], axis=1), values

    def set_linear_start(
        self, mean: np.ndarray, components: np.ndarray, deviations: np.ndarray, scale: np.ndarray
    ) -> None:
        """Sets the linear maps of encoder and decoder to principal components of the samples.

        Args:
            mean: NumPy float32 array `(dim,)`, mean of the scaled samples.
            components: NumPy float32 array `(dim, latent_dim)` with orthonormal columns.
            deviations: NumPy float32 array `(latent_dim,)`, standard deviations along them.
            scale: NumPy float32 array `(latent_dim,)`. A coefficient divided by it is a latent.
        """
        values = math.prod(self.decoder.patch_shape)
        # Samples hold pyramids as they are, but features times a gain, which is undone here.
        gains = np.ones(len(mean), "float32")
        if self.backbone:
            gains[values:] = self._feature_gain
        analysis = components / scale
        self.projection.set_map(analysis[:values], -mean @ analysis)
        if self.backbone:
            self.features.set_map(gains[values:, None] * analysis[values:])
        spread = np.maximum(deviations / scale, 1e-2 * max(deviations[0] / scale[0], 1e-6))
        self.decoder.set_map((components * scale).T / gains, mean / gains, spread)

    @property
    def _feature_gain(self) -> float:
        """The factor on features with which their squared error counts as much as in the loss."""
        return math.sqrt(self.feature_weight * math.prod(self.decoder.patch_shape))


def _feature_weights(features, channels, shares):
    """Returns a factor for each feature with which the variance of each map is its share.

    Args:
        features: NumPy float32 array `(n, sum(channels))`.
        channels: ints, number of features of each map.
        shares: floats, share of each map in the total variance.
    """
    maps = np.split(features, np.cumsum(channels)[:-1], axis=1)
    variances = np.maximum([part.var(axis=0).sum() for part in maps], 1e-12)
    return np.repeat(np.sqrt(shares / variances), channels).astype("float32")
