"""Frechet distance between the features of two sets of images."""

import keras
import numpy as np
from keras import ops

from umbed_keras.metrics._unit_images import check_value_range, unit_images


def frechet_distance(features, other_features):
    """The squared Frechet distance between the Gaussians that fit two sets of features.

    `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))` with means m and covariances S (Heusel et al.
    2017; covariances over n - 1). On the host in float64. The root's trace is the sum of the
    singular values of the product of the two covariances' factors: exact with fewer rows than
    columns too, where the root of a product of covariances is not.

    Args:
        features, other_features: arrays `(n, dim)` and `(m, dim)`, at least two rows each.

    Returns:
        float, at least 0.

    Raises:
        ValueError: arrays of other shapes, or values that are not finite.
    """
    first = _check_features("features", features)
    second = _check_features("other_features", other_features)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            "`features` and `other_features` must have equally many columns. "
            f"Received: shapes {first.shape} and {second.shape}"
        )
    offset = first.mean(axis=0) - second.mean(axis=0)
    first, second = _factor(first), _factor(second)
    root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    # Rounding may leave less than nothing.
    return float(max(offset @ offset + np.sum(first**2) + np.sum(second**2) - 2 * root, 0.0))


def _check_features(name, features):
    features = np.asarray(features, dtype="float64")
    if features.ndim != 2 or len(features) < 2 or features.shape[1] < 1:
        raise ValueError(
            f"`{name}` must have shape (n, dim) with n >= 2. Received: shape={features.shape}"
        )
    if not np.isfinite(features).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values.")
    return features


def _factor(features):
    """R of at most `dim` rows whose `R^T R` is the covariance."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.linalg.qr(centred, mode="r")


@keras.saving.register_keras_serializable(package="umbed_keras")
class FrechetDistance(keras.metrics.Metric):
    """Squared Frechet distance between the features of two sets of images; lower is better.

    As `frechet_distance`, but from batches and in float32: count, mean and scatter matrix of
    either set's features are updated batch by batch (Chan, Golub & LeVeque 1979). 0 before any
    image. A covariance needs many more images than features; with fewer, the distance tells more
    of their number than of the images.

    The result costs two eigendecompositions and a singular value decomposition of a
    `(dim, dim)` matrix. `model.compile(metrics=[...])` works it out in every step, which takes
    seconds each with 2048 features: use such a metric stand-alone, on a trained model's images.

    Args:
        feature_extractor: Keras model with a known output shape that takes images as float32 in
            0..1, `(batch, height, width, channels)`, and returns features `(batch, dim)` or
            `(batch, rows, columns, dim)`, which are averaged over rows and columns. It runs in
            inference mode and doesn't learn.
        value_range: two floats, `(low, high)` of floating images. uint8 images are always in
            0..255.

    Raises:
        ValueError: a `feature_extractor` with another output, or a `value_range` without
            low < high.
    """

    def __init__(
        self, feature_extractor, value_range=(0.0, 1.0), name="frechet_distance", **kwargs
    ):
        super().__init__(name=name, **kwargs)
        shape = _output_shape(feature_extractor)
        self.feature_extractor = feature_extractor
        self.value_range = check_value_range(value_range)
        self._direction = "down"  # where Keras's callbacks look for what better means
        self._references = self._add_moments("reference", shape[-1])
        self._images = self._add_moments("image", shape[-1])

    def update_state(self, references, images, sample_weight=None):
        """Adds images, equally many to either set.

        Args:
            references, images: `(batch, height, width, channels)`, uint8 or floats.
            sample_weight: None, or `(batch,)`: how often each pair counts, 0 leaves it out.

        Raises:
            TypeError: a dtype that is neither uint8 nor floating.
            ValueError: unequal shapes or another rank.
        """
        references, images = unit_images(references, images, self.value_range)
        if sample_weight is None:
            weights = ops.ones_like(references[:, 0, 0, 0])
        else:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        _add(self._references, self._features(references), weights[:, None])
        _add(self._images, self._features(images), weights[:, None])

    def result(self):
        """The distance, a float32 scalar, at least 0."""
        offset = ops.subtract(self._references[1], self._images[1])
        covariances = [
            scatter / ops.maximum(count - 1.0, 1.0)
            for count, _, scatter in (self._references, self._images)
        ]
        first, second = map(_square_root, covariances)
        # The singular values of a product of roots, whose rounding errors are relative to the
        # largest, and not the roots of a product's eigenvalues, which magnify those of small ones.
        root = ops.sum(ops.svd(ops.matmul(ops.transpose(first), second), compute_uv=False))
        traces = sum(ops.sum(ops.diagonal(covariance)) for covariance in covariances)
        return ops.maximum(ops.sum(ops.square(offset)) + traces - 2 * root, 0.0)

    def get_config(self):
        """The config, without `feature_extractor`, whose weights would not be in it."""
        return {**super().get_config(), "value_range": self.value_range}

    @classmethod
    def from_config(cls, config):
        if "feature_extractor" not in config:
            raise ValueError(
                "A config of FrechetDistance does not hold the model that extracts the features. "
                "Add it as config['feature_extractor'], or load a compiled model with "
                "`compile=False` and compile it anew."
            )
        return cls(**config)

    def _add_moments(self, name, dim):
        """Count, mean and scatter matrix."""
        return tuple(
            self.add_weight(shape=shape, initializer="zeros", name=f"{name}_{moment}")
            for moment, shape in (("count", ()), ("mean", (dim,)), ("scatter", (dim, dim)))
        )

    def _features(self, images):
        # Nothing differentiates a metric, but PyTorch would keep all layers for it.
        features = self.feature_extractor(ops.stop_gradient(images), training=False)
        features = ops.cast(ops.stop_gradient(features), "float32")
        return ops.mean(features, axis=(1, 2)) if len(features.shape) == 4 else features


def _output_shape(feature_extractor):
    try:
        shape = tuple(feature_extractor.output_shape)
    except (AttributeError, ValueError, TypeError):
        shape = None
    if shape is None or len(shape) not in (2, 4) or shape[-1] is None:
        raise ValueError(
            "`feature_extractor` must be a Keras model with a known output shape (batch, dim) or "
            "(batch, rows, columns, dim). A subclassed model gets one in "
            "`keras.Sequential([keras.Input((height, width, channels)), model])`. "
            f"Received: {feature_extractor!r} with output shape {shape}"
        )
    return shape


def _add(moments, features, weights):
    """Adds a batch to the moments of all before."""
    count, mean, scatter = moments
    added = ops.sum(weights)
    batch_mean = ops.sum(weights * features, axis=0) / ops.where(added > 0, added, 1.0)
    centred = features - batch_mean
    batch_scatter = ops.matmul(ops.transpose(weights * centred), centred)
    total = count + added
    share = added / ops.where(total > 0, total, 1.0)
    offset = batch_mean - mean
    scatter.assign_add(batch_scatter + count * share * ops.outer(offset, offset))
    mean.assign_add(share * offset)
    count.assign(total)


def _square_root(covariance):
    """A matrix R with `R R^T` the covariance."""
    values, vectors = ops.eigh(covariance)
    return vectors * ops.sqrt(ops.maximum(values, 0.0))
