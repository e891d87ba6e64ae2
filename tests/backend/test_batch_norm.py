import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.backend.batch_norm import batch_normalize

numpy = ops.convert_to_numpy


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fused_is_what_the_layer_gives(policy, rounding):
    random = np.random.default_rng(0)
    layers = [keras.layers.BatchNormalization(momentum=0.9, dtype=policy) for _ in range(2)]
    for layer in layers:
        layer.build((None, None, None, 6))
        layer.gamma.assign(np.linspace(0.5, 2, 6).astype("float32"))
        layer.beta.assign(np.linspace(-1, 1, 6).astype("float32"))
    plain, fused = layers
    for training in (True, True, False):
        features = random.normal(1, 3, (3, 4, 5, 6)).astype("float32")
        features = ops.cast(ops.convert_to_tensor(features), plain.compute_dtype)
        expected = plain(features, training=training)
        found = batch_normalize(fused, features, training)
        assert ops.dtype(found) == ops.dtype(expected)
        found, expected = (numpy(ops.cast(part, "float32")) for part in (found, expected))
        # Of bfloat16 at most the last digit differs.
        epsilon = 0 if policy == "float32" else 2**-7
        tolerance = rounding(8, expected)
        np.testing.assert_allclose(found, expected, rtol=epsilon, atol=tolerance)
        for one, other in zip(fused.weights, plain.weights, strict=True):
            tolerance = rounding(3 * 4 * 5, other)
            np.testing.assert_allclose(numpy(one), numpy(other), atol=tolerance)


def test_derivatives_are_those_of_the_layer(gradients):
    layer = keras.layers.BatchNormalization()
    layer.build((None, None, None, 3))
    random = np.random.default_rng(0)
    features = random.normal(size=(2, 3, 4, 3)).astype("float32")
    towards = random.normal(size=features.shape).astype("float32")
    (found,) = gradients(
        lambda x: ops.sum(ops.multiply(towards, batch_normalize(layer, x, False))), features
    )
    expected = towards / np.sqrt(1 + layer.epsilon)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_frozen_layer_keeps_its_statistics():
    layer = keras.layers.BatchNormalization()
    layer.build((None, None, None, 3))
    layer.trainable = False
    batch_normalize(layer, ops.ones((2, 3, 4, 3)), True)
    assert not numpy(layer.moving_mean).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_batch_changes_no_statistics(bad):
    layer = keras.layers.BatchNormalization()
    layer.build((None, None, None, 3))
    features = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype("float32")
    batch_normalize(layer, ops.convert_to_tensor(features), True)
    before = [np.array(numpy(weight)) for weight in layer.weights]
    features[1, 2, 3, 0] = bad
    batch_normalize(layer, ops.convert_to_tensor(features), True)
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), old)
