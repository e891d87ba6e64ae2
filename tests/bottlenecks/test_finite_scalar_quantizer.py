import math

import numpy as np
import pytest
from keras import ops

from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer

numpy = ops.convert_to_numpy
LEVELS = (8, 5, 5, 4)


def normal(count, dim, scale=1.0, seed=0):
    random = np.random.default_rng(seed)
    return (scale * random.normal(size=(count, dim))).astype("float32")


def published(latents, levels):
    """Quantised values in -1..1 and the one index of each vector, as in the paper's appendix A."""
    levels = np.array(levels)
    half = (levels - 1) * (1 + 1e-3) / 2
    offset = np.where(levels % 2 == 1, 0.0, 0.5)
    shift = np.arctanh(offset / half)
    values = np.round(np.tanh(latents.astype("float64") + shift) * half - offset)
    basis = np.concatenate([[1], np.cumprod(levels[:-1])])
    return values / (levels // 2), ((values + levels // 2) * basis).sum(axis=-1).astype("int32")


def test_levels_are_those_of_the_paper():
    layer, latents = FiniteScalarQuantizer(4, LEVELS), normal(500, 4, 2.0)
    values, index = published(latents, LEVELS)
    codes = layer.encode(latents)
    np.testing.assert_allclose(numpy(layer(latents)["latents"]), values, atol=1e-6)
    np.testing.assert_array_equal(numpy(layer.to_index(codes)), index)
    assert numpy(codes["indices"]).min() == 0
    np.testing.assert_array_equal(numpy(codes["indices"]).max(axis=0), np.array(LEVELS) - 1)
    assert layer.num_entries == math.prod(LEVELS)
    assert layer.bits(codes).fixed_length == math.ceil(math.log2(math.prod(LEVELS)))


def test_every_index_stands_for_one_code():
    layer = FiniteScalarQuantizer(4, LEVELS)
    index = np.arange(math.prod(LEVELS))
    codes = layer.from_index(index)
    assert len(np.unique(numpy(codes["indices"]), axis=0)) == len(index)
    np.testing.assert_array_equal(numpy(layer.to_index(codes)), index)


def test_an_index_into_too_many_codes_is_refused():
    layer = FiniteScalarQuantizer(2, [2**16, 2**16])
    codes = layer.encode(normal(2, 2))
    assert layer.num_entries is None
    with pytest.raises(ValueError, match="too many"):
        layer.to_index(codes)


def test_bounded_latents_have_the_derivative_of_the_tangent(gradients):
    layer, latents = FiniteScalarQuantizer(3, (5, 5, 5)), normal(6, 3)
    layer.build()
    actual = gradients(lambda x: ops.sum(layer(x, training=True)["latents"]), latents)[0]
    expected = 4 * (1 + 1e-3) / 2 / np.cosh(latents) ** 2 / 2  # half, and divided by 5 // 2
    np.testing.assert_allclose(actual, expected, rtol=1e-4)


def test_adapt_minimizes_the_squared_error():
    layer, latents = FiniteScalarQuantizer(4, LEVELS), normal(2000, 4)
    layer.adapt(latents)

    def handed_on(gain):
        values = published(gain * latents, LEVELS)[0]
        return values * np.sum(values * latents, axis=0) / np.sum(values**2, axis=0)

    actual = numpy(layer(latents)["latents"])
    np.testing.assert_allclose(actual, handed_on(numpy(layer.gain)), rtol=1e-4, atol=1e-5)
    errors = [np.mean((handed_on(gain) - latents) ** 2, axis=0) for gain in np.linspace(0.1, 2, 60)]
    # Gains that are tried lie a tenth apart; the best between them loses little.
    assert np.all(np.mean((actual - latents) ** 2, axis=0) < 1.03 * np.min(errors, axis=0))
