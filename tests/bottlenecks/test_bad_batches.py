"""A batch that is empty or not finite changes no statistics.

Mixed precision overflows now and then, and Keras skips that step.
"""

import keras
import numpy as np
import pytest
from keras import ops
from kinds import COMPILED, every_bottleneck, sample

numpy = ops.convert_to_numpy


def state(layer):
    return [np.array(numpy(weight)) for weight in layer.weights]


def spoiled(layer, value):
    """One bad number in a batch of good ones."""
    latents = sample(layer, seed=1)
    latents[7, 0] = value
    return latents


def bad_batches(layer):
    yield "empty", sample(layer, 0)
    for value in (np.nan, np.inf, -np.inf):
        yield str(value), spoiled(layer, value)


@pytest.mark.parametrize(
    "settle",
    [
        pytest.param(False, id="first", marks=pytest.mark.torch_alone),
        pytest.param(True, id="later"),
    ],
)
@every_bottleneck
def test_a_bad_batch_changes_nothing(make, settle):
    layer = make()
    layer.build()
    layer.built = True
    if settle:
        layer(3 * sample(layer), training=True)
    before = state(layer)
    for name, latents in bad_batches(layer):
        layer(latents, training=True)
        for one, other in zip(state(layer), before, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


@every_bottleneck
def test_the_loss_of_an_empty_batch_is_zero(make):
    layer = make()
    assert float(numpy(layer(sample(layer, 0), training=True)["loss"])) == 0


class Passage(keras.Model):
    def __init__(self, bottleneck):
        super().__init__()
        self.bottleneck = bottleneck

    def call(self, inputs, training=False):
        return self.bottleneck(inputs, training=training)["latents"]


@every_bottleneck
def test_fit_passes_over_bad_batches(make):
    """In a compiled step, too, with the optimizer of mixed precision."""
    model, plain = Passage(make()), make()
    good, bad = sample(plain, 64), spoiled(plain, np.nan)
    model(good)
    plain(good)
    plain.set_weights(model.bottleneck.get_weights())
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0))
    model.compile(optimizer, jit_compile=COMPILED)
    model.fit(np.concatenate([bad, good, bad]), batch_size=64, shuffle=False, verbose=0)
    plain(good, training=True)
    for one, other in zip(state(model.bottleneck), state(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
