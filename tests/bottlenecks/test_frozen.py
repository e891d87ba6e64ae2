"""Nothing of a frozen bottleneck changes in training, as in `keras.layers.BatchNormalization`."""

import keras
import numpy as np
import pytest
from keras import ops
from kinds import BOTTLENECKS, DIM, every_bottleneck, sample

import umbed_keras as uk

numpy = ops.convert_to_numpy
BACKEND = keras.backend.backend()


class Autoencoder(keras.Model):
    def __init__(self, bottleneck):
        super().__init__()
        self.encoder = keras.layers.Dense(bottleneck.input_dim)
        self.bottleneck = bottleneck
        self.decoder = keras.layers.Dense(DIM)

    def call(self, inputs, training=False):
        latents = self.bottleneck(self.encoder(inputs), training=training)["latents"]
        return self.decoder(latents)


def weights_of(layer):
    return [np.array(numpy(weight)) for weight in layer.weights]


def assert_equal(weights, expected):
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(one, other)


# On JAX, training is always compiled.
@pytest.mark.parametrize("compiled", {"torch": [False], "jax": [True]}.get(BACKEND, [False, True]))
@every_bottleneck
def test_fit_changes_nothing(make, compiled):
    model = Autoencoder(make())
    # Far off, so that limits would move and entries be revived.
    inputs = 5 + np.random.default_rng(0).normal(size=(256, DIM)).astype("float32")
    model(inputs)
    layer = model.bottleneck
    layer(sample(layer), training=True)
    layer.trainable = False
    before, encoder = weights_of(layer), weights_of(model.encoder)
    codes = layer.encode(sample(layer))
    options = {"jit_compile": True} if compiled else {"run_eagerly": True}
    model.compile(keras.optimizers.Adam(1e-2), "mse", **options)
    model.fit(inputs, inputs, batch_size=64, epochs=2, verbose=0)
    assert_equal(weights_of(layer), before)
    for name, code in layer.encode(sample(layer)).items():
        np.testing.assert_array_equal(numpy(code), numpy(codes[name]))
    # Gradients pass through it to what comes before.
    assert all(
        np.any(new != old) for new, old in zip(weights_of(model.encoder), encoder, strict=True)
    )


@every_bottleneck
def test_a_bottleneck_in_a_frozen_model_is_frozen(make):
    model = Autoencoder(make())
    inputs = sample(model.bottleneck, 64)[:, :DIM]
    model(inputs)
    model.trainable = False
    before = weights_of(model)
    model(inputs, training=True)
    assert_equal(weights_of(model), before)


@every_bottleneck
def test_gradients_are_those_of_a_layer_that_learns(make, gradients):
    layer = make(seed=0) if make is not BOTTLENECKS["fsq"] else make()
    latents = sample(layer)
    layer(latents)
    frozen = type(layer).from_config({**layer.get_config(), "trainable": False})
    frozen(latents)
    frozen.set_weights(layer.get_weights())
    towards = np.random.default_rng(1).normal(size=(64, DIM)).astype("float32")

    def through(layer):
        def function(x):
            outputs = layer(x, training=True)
            return ops.sum(ops.multiply(towards, outputs["latents"])) + outputs["loss"]

        return gradients(function, latents)[0]

    np.testing.assert_array_equal(through(frozen), through(layer))


def test_one_frozen_stage_of_a_residual_quantizer():
    layer = uk.layers.ResidualVectorQuantizer(8, DIM, 2)
    layer.build()
    layer.quantizers[0].trainable = False
    before = [weights_of(quantizer) for quantizer in layer.quantizers]
    layer(sample(layer), training=True)
    assert_equal(weights_of(layer.quantizers[0]), before[0])
    assert np.any(weights_of(layer.quantizers[1])[0] != before[1][0])


SMALL = {"filters": 4, "residual_units": 2, "residual_blocks": 1}


def photographs(count=8):
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype="uint8")


def test_fit_does_not_adapt_a_frozen_bottleneck():
    """It may be another model's, with a codebook that is to stay."""
    bottleneck = uk.layers.VectorQuantizer(8, 4)
    bottleneck.adapt(sample(bottleneck)[:, :4])
    bottleneck.trainable = False
    before = weights_of(bottleneck)
    model = uk.ImageAutoencoder(bottleneck, **SMALL)
    model.compile("adam")
    model.fit(photographs(), epochs=1, verbose=0)
    assert_equal(weights_of(bottleneck), before)


@pytest.mark.torch_alone
def test_a_frozen_model_that_was_saved_is_frozen(tmp_path):
    """A named model makes its bottleneck itself, from arguments that don't say it is frozen."""
    model = uk.VQVAE(8, 4, **SMALL)
    model.adapt(photographs())
    model.trainable = False
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    before = weights_of(loaded)
    loaded({"images": photographs()}, training=True)
    assert_equal(weights_of(loaded), before)
