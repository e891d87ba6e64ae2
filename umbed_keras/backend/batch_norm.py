"""Batch normalisation in few passes over memory."""

from keras import backend, ops

from umbed_keras.backend.processes import move_average


def batch_normalize(layer, features, training):
    """What a `keras.layers.BatchNormalization` gives, its statistics moved while training.

    Args:
        layer: over the last axis, built.
        features: `(batch, height, width, channels)`.
        training: bool.
    """
    if backend.backend() != "torch":
        return layer(features, training=training)
    import torch

    training = training and layer.trainable  # a frozen layer keeps its statistics
    gamma, beta, mean, variance = (
        ops.convert_to_tensor(weight)
        for weight in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    )
    features = features.permute(0, 3, 1, 2)
    # Keras's layer is a dozen operations in float32 on this backend, these are fused.
    if not training:
        outputs = torch.nn.functional.batch_norm(
            features, mean, variance, gamma, beta, eps=layer.epsilon
        )
        return outputs.permute(0, 2, 3, 1)
    outputs, batch_mean, inverse_deviation = torch.native_batch_norm(
        features, gamma, beta, None, None, True, 0.0, layer.epsilon
    )
    batch_variance = inverse_deviation**-2 - layer.epsilon
    for statistic, batch in (
        (layer.moving_mean, batch_mean),
        (layer.moving_variance, batch_variance),
    ):
        move_average(statistic, batch.detach(), layer.momentum)
    return outputs.permute(0, 2, 3, 1)
