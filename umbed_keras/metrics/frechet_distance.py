"""Frechet distance between the features of two sets of images."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.known_values import known_values
from umbed_keras.metrics._unit_images import check_value_range, unit_images
from umbed_keras.typing import ArrayLike, Shape, Tensor


def frechet_distance(features: ArrayLike, other_features: ArrayLike) -> float:
    """Computes the squared Frechet distance between Gaussians fitted to two sets of features.

    With means m and covariances S (divided by n - 1), the distance is
    `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`. It is computed on the host in float64. The trace
    of the root is the sum of the singular values of the product of the covariances' factors, which
    is also exact with fewer rows than columns.

    Args:
        features: floats `(n, dim)`, n >= 2.
        other_features: floats `(m, dim)`, m >= 2.

    Returns:
        float, at least 0.

    Raises:
        ValueError: if an array has another shape, or the numbers of columns differ.
        ValueError: if a value is not finite.

    Examples:
        >>> features = np.random.default_rng(0).normal(size=(100, 4))
        >>> round(uk.metrics.frechet_distance(features, features + 1), 3)
        4.0
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
    # Rounding may make it negative.
    return float(max(offset @ offset + np.sum(first**2) + np.sum(second**2) - 2 * root, 0.0))


def _check_features(name: str, features: ArrayLike) -> np.ndarray:
    features = np.asarray(features, dtype="float64")
    if features.ndim != 2 or len(features) < 2 or features.shape[1] < 1:
        raise ValueError(
            f"`{name}` must have shape (n, dim) with n >= 2. Received: shape={features.shape}"
        )
    if not np.isfinite(features).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values.")
    return features


def _factor(features: np.ndarray) -> np.ndarray:
    """Returns R with at most `dim` rows, where `R^T R` is the covariance."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


@keras.saving.register_keras_serializable(package="umbed_keras")
class FrechetDistance(keras.metrics.Metric):
    """Squared Frechet distance between the features of two sets of images; lower is better.

    Computes `frechet_distance` from batches, in float32: count, mean and scatter matrix of each
    set are updated batch by batch (Chan, Golub & LeVeque 1979). Covariances need at least two
    pairs of images: with fewer, `result` raises a ValueError, or is NaN in a compiled function.
    They need many more images than features; with fewer, the distance mostly depends on the
    number of images.

    The result needs two eigendecompositions and one singular value decomposition of a `(dim, dim)`
    matrix, and `model.compile(metrics=[...])` would compute it in every step, which takes seconds
    for 2048 features. Use the metric stand-alone on the images of a trained model.

    Args:
        feature_extractor: Keras model with a known output shape. It takes float32 images in 0..1,
            `(batch, height, width, channels)`, and returns features `(batch, dim)`, or
            `(batch, rows, columns, dim)`, which are averaged over rows and columns. It runs in
            inference mode and is not trained.
        value_range: two floats, the range `(low, high)` of floating-point images. uint8 images are
            always in 0..255.
        name: str, name of the metric.
        **kwargs: other arguments of `keras.metrics.Metric`.

    Raises:
        ValueError: if the output shape of `feature_extractor` is unknown or another.
        ValueError: if `value_range` is not two numbers with low < high.

    Examples:
        >>> extractor = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
        >>> distance = uk.metrics.FrechetDistance(extractor)
        >>> images = np.random.default_rng(0).random((16, 8, 8, 3))
        >>> distance.update_state(images, images)
        >>> round(float(distance.result()), 1)
        0.0
    """

    def __init__(
        self,
        feature_extractor: keras.Model,
        value_range: tuple[float, float] = (0.0, 1.0),
        name: str = "frechet_distance",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        shape = _output_shape(feature_extractor)
        self.feature_extractor = feature_extractor
        self.value_range = check_value_range(value_range)
        self._direction = "down"  # read by Keras's callbacks
        self._references = self._add_moments("reference", shape[-1])
        self._images = self._add_moments("image", shape[-1])

    def update_state(
        self, references: ArrayLike, images: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        """Adds a batch of images to each of the two sets.

        Args:
            references: `(batch, height, width, channels)`, uint8, or floats in `value_range`.
            images: like `references`, of the same shape.
            sample_weight: `(batch,)`, how often each pair counts, or None. Weight 0 leaves a pair
                out.

        Raises:
            TypeError: if a dtype is neither uint8 nor floating-point.
            ValueError: if the shapes differ or do not have four axes.
        """
        references, images = unit_images(references, images, self.value_range)
        if sample_weight is None:
            weights = ops.ones_like(references[:, 0, 0, 0])
        else:
            weights = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        _add(self._references, self._features(references), weights[:, None])
        _add(self._images, self._features(images), weights[:, None])

    def result(self) -> Tensor:
        """Returns the distance, a float32 scalar tensor of at least 0.

        Raises:
            ValueError: if fewer than two pairs of images count, so that there is no covariance. In
                a compiled function the distance is NaN instead.
        """
        count = known_values(self._images[0])
        if count is not None and count < 2:
            raise ValueError(
                "A Frechet distance needs the covariances of at least two pairs of images. "
                f"Received: {count:g}"
            )
        offset = ops.subtract(self._references[1], self._images[1])
        covariances = [
            scatter / ops.maximum(count - 1.0, 1.0)
            for count, _, scatter in (self._references, self._images)
        ]
        first, second = map(_square_root, covariances)
        # Singular values of the product of the roots have errors relative to the largest one. The
        # roots of the eigenvalues of the product would magnify the errors of small eigenvalues.
        root = ops.sum(ops.svd(ops.matmul(ops.transpose(first), second), compute_uv=False))
        traces = sum(ops.sum(ops.diagonal(covariance)) for covariance in covariances)
        distance = ops.maximum(ops.sum(ops.square(offset)) + traces - 2 * root, 0.0)
        return ops.where(self._images[0] < 2, np.nan * distance, distance)

    def get_config(self) -> dict[str, Any]:
        """Returns the config without `feature_extractor`, as a config would lack its weights."""
        return {**super().get_config(), "value_range": self.value_range}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "FrechetDistance":
        if "feature_extractor" not in config:
            raise ValueError(
                "A config of FrechetDistance does not hold the model that extracts the features. "
                "Add it as config['feature_extractor'], or load a compiled model with "
                "`compile=False` and compile it anew."
            )
        return cls(**config)

    def _add_moments(self, name: str, dim: int) -> tuple[keras.Variable, ...]:
        """Returns variables for count, mean and scatter matrix."""
        return tuple(
            self.add_weight(shape=shape, initializer="zeros", name=f"{name}_{moment}")
            for moment, shape in (("count", ()), ("mean", (dim,)), ("scatter", (dim, dim)))
        )

    def _features(self, images: Tensor) -> Tensor:
        # Without a gradient, PyTorch does not keep the activations.
        features = self.feature_extractor(ops.stop_gradient(images), training=False)
        features = ops.cast(ops.stop_gradient(features), "float32")
        return ops.mean(features, axis=(1, 2)) if len(features.shape) == 4 else features


def _output_shape(feature_extractor: keras.Model) -> Shape:
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


def _add(moments: Sequence[keras.Variable], features: Tensor, weights: Tensor) -> None:
    """Updates the moments with a batch."""
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


def _square_root(covariance: Tensor) -> Tensor:
    """Returns a matrix R with `R R^T` equal to the covariance."""
    values, vectors = ops.eigh(covariance)
    return vectors * ops.sqrt(ops.maximum(values, 0.0))
