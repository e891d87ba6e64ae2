"""Starting values of a pixel embedder's linear maps: principal components."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from umbed_keras.models.base.linear_start import LinearStartMixin
from umbed_keras.models.base.principal_components import principal_components
from umbed_keras.ops.bilinear import enlarged_at
from umbed_keras.ops.patch_pyramid import patch_pyramid
from umbed_keras.typing import ArrayLike, Tensor


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

    def adapt(self, data: Any, feature_metrics: Sequence[ArrayLike] | None = None) -> None:
        """Sets starting values from images, in the manner of `keras.layers.Normalization.adapt`.

        The linear maps of encoder and decoder become the principal components of what the model
        reconstructs. The bottleneck's codebook or dictionary starts from the latents that these
        maps give. A frozen bottleneck (`trainable = False`) keeps its values.

        Args:
            data: images in any form that `fit` takes. At most 1,024 images are read.
            feature_metrics: for each map of the backbone a matrix `(channels, channels)`, such as a
                power of the Fisher information of the features. Differences between features are
                multiplied by it before principal components are taken, so that the components keep
                what matters most to it. None is the identity.

        Raises:
            ValueError: if `feature_metrics` are not one square matrix for each map, or the model
                has no backbone.

        Examples:
            >>> model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=1, widths=(4,))
            >>> model.adapt(np.random.default_rng(0).random((2, 8, 8, 3)))
            >>> model.adapted_already
            True
        """
        self._metric = self._joint_metric(feature_metrics)
        super().adapt(data)

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
        metric = self._metric
        if metric is not None:
            features = features @ metric
        weights = _feature_weights(features, self.backbone.channels, self.backbone.shares)
        mean, components, deviations = principal_components(
            features * weights, self.feature_components
        )
        # The components' total variance is 1, so that an error is the share that is not rebuilt.
        components /= max(np.sqrt(np.sum(deviations**2)), 1e-3)
        analysis = weights[:, None] * components
        self.features.set_analysis(
            analysis if metric is None else metric @ analysis, mean @ components
        )
        features = (features * weights - mean) @ components
        if self.features_only:
            return self._feature_gain * features, values
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
        spread = np.maximum(deviations / scale, 1e-2 * max(deviations[0] / scale[0], 1e-6))
        if self.features_only:
            analysis = np.zeros(self.features.kernel.shape, "float32")
            analysis[:, : self.latent_dim] = self._feature_gain * components / scale
            self.features.set_map(analysis)
            rebuilt = (components * scale).T / self._feature_gain
            rebuilt = np.concatenate([np.zeros((self.latent_dim, values)), rebuilt], axis=1)
            self.decoder.set_map(rebuilt, np.zeros(rebuilt.shape[1]), spread)
            return
        # Samples hold pyramids as they are, but features times a gain, which is undone here.
        gains = np.ones(len(mean), "float32")
        if self.backbone:
            gains[values:] = self._feature_gain
        analysis = components / scale
        self.projection.set_map(analysis[:values], -mean @ analysis)
        if self.backbone:
            self.features.set_map(gains[values:, None] * analysis[values:])
        self.decoder.set_map((components * scale).T / gains, mean / gains, spread)

    def set_decoder_start(self, samples: np.ndarray, latents: np.ndarray) -> None:
        """Sets the decoder's map to pyramids by least squares, where latents do not contain them.

        Args:
            samples: float32 array `(n, values)` from `sample_for_start`.
            latents: float32 array `(n, latent_dim)`, what the linear path makes of them.
        """
        if not self.features_only:
            return
        values = math.prod(self.decoder.patch_shape)
        inputs = np.concatenate([latents, np.ones((len(latents), 1), "float32")], axis=1)
        solution = np.linalg.lstsq(inputs, samples[:, :values], rcond=None)[0]
        kernel, bias = (
            ops.convert_to_numpy(weight).copy()
            for weight in (self.decoder.linear.kernel, self.decoder.linear.bias)
        )
        kernel[:, :values], bias[:values] = solution[:-1], solution[-1]
        self.decoder.set_map(kernel, bias, self.decoder.scale)

    def _joint_metric(self, metrics: Sequence[ArrayLike] | None) -> np.ndarray | None:
        """Returns the metrics of all maps as one block-diagonal float32 matrix."""
        if metrics is None:
            return None
        channels = self.backbone.channels if self.backbone else ()
        shapes = [np.shape(metric) for metric in metrics]
        if not channels or shapes != [(count, count) for count in channels]:
            raise ValueError(
                "`feature_metrics` must be one square matrix for each map of the backbone, of "
                f"{list(channels)} channels. Received matrices of {shapes}"
            )
        joint = np.zeros((sum(channels), sum(channels)), "float32")
        for end, metric in zip(np.cumsum(channels), metrics, strict=True):
            place = slice(end - len(np.asarray(metric)), end)
            joint[place, place] = metric
        return joint

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
