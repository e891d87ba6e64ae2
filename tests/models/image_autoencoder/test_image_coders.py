"""The encoder and the decoder of image autoencoders."""

import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.models.image_autoencoder.image_decoder import ImageDecoder
from umbed_keras.models.image_autoencoder.image_encoder import ImageEncoder
from umbed_keras.models.image_autoencoder.residual_block import ResidualBlock

numpy = ops.convert_to_numpy


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_residual_block_adds_two_convolutions(rounding):
    block = ResidualBlock(4)
    features = normal(2, 5, 6, 8)
    block(features)
    wide = np.pad(features.astype("float64"), ((0, 0), (1, 1), (1, 1), (0, 0)))
    kernel = numpy(block.narrow.kernel)
    inner = sum(
        wide[:, row : row + 5, col : col + 6] @ kernel[row, col]
        for row in range(3)
        for col in range(3)
    )
    # New statistics: zero mean, unit variance.
    scale = 1 / np.sqrt(1 + block.norms[0].epsilon)
    outer = np.maximum(inner * scale, 0) @ numpy(block.widen.kernel) * scale
    expected = np.maximum(features + outer, 0)
    np.testing.assert_allclose(numpy(block(features)), expected, atol=rounding(block, expected))


@pytest.mark.torch_alone
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_resolution_is_halved_and_doubled(levels):
    encoder = ImageEncoder(5, filters=8, downsamplings=levels, residual_units=4)
    decoder = ImageDecoder(3, filters=8, upsamplings=levels, residual_units=4)
    images = normal(2, 16, 24, 3)
    latents = encoder(images)
    assert tuple(latents.shape) == (2, 16 >> levels, 24 >> levels, 5)
    assert tuple(decoder(latents).shape) == (2, 16, 24, 3)
    assert encoder.compute_output_shape((None, 16, None, 3)) == (None, 16 >> levels, None, 5)
    assert decoder.compute_output_shape((None, 4, None, 5)) == (None, 4 << levels, None, 3)


def test_both_add_nothing_at_first():
    encoder, decoder = ImageEncoder(5, filters=8), ImageDecoder(3, filters=8)
    assert not numpy(encoder(normal(1, 8, 8, 3))).any()
    assert not numpy(decoder(normal(1, 2, 2, 5))).any()


def test_parameters_are_those_of_laser():
    encoder, decoder = ImageEncoder(64), ImageDecoder()
    encoder.build((None, None, None, 3))
    decoder.build((None, None, None, 64))
    trained = sum(
        np.prod(weight.shape) for weight in (*encoder.trainable_weights, *decoder.trainable_weights)
    )
    assert trained + 512 * 64 == 1_007_811


@pytest.mark.parametrize("layer", [ImageEncoder(5, 8, 3, 1, 4), ImageDecoder(2, 8, 3, 1, 4)])
def test_config_round_trip(layer):
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()


def test_half_precision_inside():
    encoder = ImageEncoder(5, filters=8, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(encoder(normal(1, 8, 8, 3)).dtype) == "bfloat16"
