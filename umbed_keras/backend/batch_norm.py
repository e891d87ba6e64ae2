"""Batch normalization in few passes over memory."""

import keras
from keras import backend, ops

from umbed_keras.backend.statistics import StatisticsUpdate
from umbed_keras.typing import Tensor


def batch_normalize(
    layer: keras.layers.BatchNormalization, features: Tensor, training: bool
) -> Tensor:
    """Applies a `keras.layers.BatchNormalization` to feature maps.

    On PyTorch it is fused: Keras's layer takes a dozen operations in float32 there. In training the
    moving statistics follow the batch, unless the layer is frozen, or the batch is empty or not
    finite.

    Args:
        layer: built layer that normalizes the last axis.
        features: floats `(batch, height, width, channels)`.
        training: bool.

    Returns:
        Tensor like `features`.

    Examples:
        >>> layer = keras.layers.BatchNormalization()
        >>> layer.build((None, None, None, 3))
        >>> tuple(batch_normalize(layer, keras.ops.ones((2, 4, 4, 3)), training=True).shape)
        (2, 4, 4, 3)
    """
    training = training and layer.trainable
    statistics = (layer.moving_mean, layer.moving_variance)
    if backend.backend() != "torch":
        before = [ops.copy(statistic) for statistic in statistics]
        outputs = layer(features, training=training)
        if training:
            valid = ops.logical_and(*(ops.all(ops.isfinite(part)) for part in statistics))
            for statistic, old in zip(statistics, before, strict=True):
                new = ops.convert_to_tensor(statistic)
                statistic.assign(ops.where(valid, new, old))
        return outputs
    import torch

    gamma, beta, mean, variance = (
        ops.convert_to_tensor(weight) for weight in (layer.gamma, layer.beta, *statistics)
    )
    features = features.permute(0, 3, 1, 2)
    if not training:
        outputs = torch.nn.functional.batch_norm(
            features, mean, variance, gamma, beta, eps=layer.epsilon
        )
        return outputs.permute(0, 2, 3, 1)
    outputs, batch_mean, inverse_deviation = torch.native_batch_norm(
        features, gamma, beta, None, None, True, 0.0, layer.epsilon
    )
    batch_mean, inverse_deviation = batch_mean.detach(), inverse_deviation.detach()
    batch_variance = inverse_deviation**-2 - layer.epsilon
    update = StatisticsUpdate(
        torch.isfinite(batch_mean).all() & torch.isfinite(batch_variance).all()
    )
    for statistic, batch in zip(statistics, (batch_mean, batch_variance), strict=True):
        update.move_average(statistic, batch, layer.momentum)
    return outputs.permute(0, 2, 3, 1)
