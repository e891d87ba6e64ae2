import keras
import numpy as np
from keras import ops

from umbed_keras.models.pixel_embedder.patch_decoder import PatchDecoder

DIM, SHAPE, HIDDEN = 5, (3, 4, 4, 2), (16, 8)
VALUES = int(np.prod(SHAPE))
numpy = ops.convert_to_numpy


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def decoder(**kwargs):
    """Returns a decoder with a random linear map and scale."""
    layer = PatchDecoder(SHAPE, HIDDEN, **kwargs)
    layer.build((None, DIM))
    matrix, bias = random(DIM, VALUES), random(VALUES, seed=1)
    scale = np.linspace(0.5, 3, DIM)
    layer.set_map(matrix, bias, scale)
    return layer, matrix, bias, scale


def test_linear_map_alone_at_start(rounding):
    layer, matrix, bias, _ = decoder()
    latents = random(7, DIM, seed=2)
    expected = latents.astype("float64") @ matrix + bias
    outputs = numpy(layer(latents))
    assert outputs.shape == (7, *SHAPE)
    np.testing.assert_allclose(outputs.reshape(7, -1), expected, atol=rounding(DIM, expected))


def test_perceptron_beside_the_linear_map(rounding):
    layer, matrix, bias, scale = decoder()
    layer.correction.kernel.assign(random(HIDDEN[-1], VALUES, seed=3))
    latents = random(7, DIM, seed=2)
    hidden = latents / scale
    for dense in layer.hidden:
        hidden = np.maximum(hidden @ numpy(dense.kernel) + numpy(dense.bias), 0)
    assert hidden.any()
    expected = latents @ matrix + bias + hidden @ numpy(layer.correction.kernel)
    outputs = numpy(layer(latents)).reshape(7, -1)
    np.testing.assert_allclose(outputs, expected, atol=rounding(layer, expected))


def test_finest_is_level_0(rounding):
    layer, *_ = decoder()
    layer.correction.kernel.assign(random(HIDDEN[-1], VALUES, seed=3))
    latents = random(2, 7, DIM, seed=2)
    finest = numpy(layer.finest(latents))
    assert finest.shape == (2, 7, *SHAPE[1:])
    expected = numpy(layer(latents))[:, :, 0]
    np.testing.assert_allclose(finest, expected, atol=rounding(layer, expected))


def test_all_but_the_scale_is_trainable():
    layer, *_ = decoder()
    assert [weight.path.rpartition("/")[2] for weight in layer.non_trainable_weights] == ["scale"]
    assert len(layer.trainable_weights) == 2 + 2 * len(HIDDEN) + 1


def test_half_precision():
    latents = random(7, DIM, seed=2)
    outputs = decoder(dtype="mixed_bfloat16")[0](latents)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    exact = numpy(decoder()[0](latents))
    close = numpy(ops.cast(outputs, "float32"))
    np.testing.assert_allclose(close, exact, atol=0.02 * np.abs(exact).max())


def test_config_round_trip():
    layer, *_ = decoder()
    copy = PatchDecoder.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    copy.build((None, DIM))
    copy.set_weights(layer.get_weights())
    latents = random(7, DIM, seed=2)
    np.testing.assert_array_equal(numpy(copy(latents)), numpy(layer(latents)))
