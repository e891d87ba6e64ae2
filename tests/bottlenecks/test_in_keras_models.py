"""A bottleneck among Keras's own layers: its loss, masks and output."""

import keras
import numpy as np
import pytest
from keras import ops
from kinds import BOTTLENECKS, COMPILED, DIM, every_bottleneck, sample

import umbed_keras as uk

numpy = ops.convert_to_numpy


def functional(layer):
    inputs = keras.Input((DIM,))
    latents = keras.layers.Dense(layer.input_dim)(inputs)
    outputs = keras.layers.Dense(3)(layer(latents)["latents"])
    return keras.Model(inputs, outputs)


def data():
    random = np.random.default_rng(0)
    shapes = (64, DIM), (64, 3)
    return [random.normal(size=shape).astype("float32") for shape in shapes]


def expected_loss(layer, model, inputs, outputs):
    """Output loss plus the bottleneck's, in NumPy from the codes that a first step has."""
    dense = model.layers[1]
    latents = inputs @ numpy(dense.kernel) + numpy(dense.bias)
    codes = {name: numpy(code) for name, code in layer.encode(latents).items()}
    quantized = numpy(layer.decode(codes))
    rebuilt = quantized @ numpy(model.layers[-1].kernel) + numpy(model.layers[-1].bias)
    distance = np.mean((latents[:, :DIM] - quantized) ** 2)
    if isinstance(layer, uk.layers.GaussianBottleneck):
        mean, log_variance = codes["mean"], codes["log_variance"]
        nats = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
        own = layer.kl_weight * nats.sum(axis=-1).mean()
    elif isinstance(layer, uk.layers.DictionaryBottleneck):
        own = (layer.commitment_weight + (layer.update == "gradient")) * distance
    elif isinstance(layer, uk.layers.VectorQuantizer):
        if layer.distance == "cosine":
            unit = latents / np.linalg.norm(latents, axis=1, keepdims=True)
            distance = np.mean((unit - quantized) ** 2)
        own = (layer.commitment_weight + (layer.update == "gradient")) * distance
    elif isinstance(layer, uk.layers.ScalarQuantizer):
        own = 0
        for column, (first, probabilities) in zip(
            codes["indices"].T, layer.probability_tables(), strict=True
        ):
            own -= layer.rate_weight * np.mean(np.log2(probabilities[column - first]))
    elif isinstance(layer, uk.layers.ResidualVectorQuantizer):
        residual, own = latents, 0
        for stage, quantizer in enumerate(layer.stages):
            residual = residual - numpy(quantizer.codebook)[codes["indices"][:, stage]]
            own += np.mean(residual**2) / layer.num_quantizers
    else:
        own = 0
    return np.mean((rebuilt - outputs) ** 2) + own


@every_bottleneck
def test_the_loss_of_a_functional_model_has_the_bottlenecks_in_it(make):
    layer = make()
    model, (inputs, outputs) = functional(layer), data()
    layer(3 * sample(layer), training=True)
    expected = expected_loss(layer, model, inputs, outputs)
    model.compile("sgd", "mse", jit_compile=COMPILED)
    evaluated = model.evaluate(inputs, outputs, batch_size=64, verbose=0)
    np.testing.assert_allclose(evaluated, expected, rtol=1e-4)
    history = model.fit(inputs, outputs, batch_size=64, verbose=0).history
    if make is not BOTTLENECKS["gaussian"]:  # in training it samples
        np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-4)


@every_bottleneck
def test_losses_do_not_pile_up(make):
    layer = make()
    model, (inputs, _) = functional(layer), data()
    for training in (False, True, False):
        layer(sample(layer), training=training)
        assert len(layer.losses) == 1
        model(inputs, training=training)
        assert len(model.losses) == 1


@every_bottleneck
def test_sequential_fits_and_predicts(make):
    layer = make(output="latents")
    model = keras.Sequential([keras.layers.Dense(layer.input_dim), layer, keras.layers.Dense(3)])
    inputs, outputs = data()
    model.compile("sgd", "mse", jit_compile=COMPILED)
    model.fit(inputs, outputs, batch_size=64, verbose=0)
    # More than one batch, of unequal sizes.
    more = np.concatenate([inputs, inputs[:16]])
    predicted = model.predict(more, batch_size=64, verbose=0)
    expected = numpy(model(inputs))
    np.testing.assert_allclose(predicted, np.concatenate([expected, expected[:16]]), atol=1e-5)


@every_bottleneck
def test_the_output_is_in_the_configuration_where_it_is_not_the_default(make):
    assert "output" not in make().get_config()
    layer = make(output="latents")
    config = layer.get_config()
    assert config["output"] == "latents"
    copy = type(layer).from_config(config)
    latents = sample(layer)
    assert tuple(copy(latents).shape) == (64, DIM)
    assert copy.get_config() == config


def test_another_output_is_refused():
    with pytest.raises(ValueError, match="output"):
        uk.layers.VectorQuantizer(8, DIM, output="codes")
    with pytest.raises(ValueError, match="output"):
        uk.ImageAutoencoder(uk.layers.VectorQuantizer(8, DIM, output="latents"))


def padded(layer):
    """Sequences of different lengths, padded by a number, and their 64 steps as one batch."""
    latents = sample(layer, 4, 32)
    for row, length in enumerate((32, 20, 0, 12)):
        latents[row, length:] = -50.0
    mask = (latents != -50.0).any(axis=-1)
    return latents, mask, latents[mask]


def weights_of(layer):
    return [np.array(numpy(weight)) for weight in layer.weights]


@pytest.mark.torch_alone
@every_bottleneck
def test_masked_positions_do_not_count(make, rounding):
    layer, plain = make(), make()
    for each in (layer, plain):
        each(sample(each), training=True)
    latents, mask, steps = padded(layer)
    # Outside training nothing is random.
    expected, actual = plain(steps), layer(latents, mask=mask)
    np.testing.assert_allclose(numpy(actual["loss"]), numpy(expected["loss"]), rtol=1e-5)
    for name, code in actual["codes"].items():
        np.testing.assert_allclose(numpy(code)[mask], numpy(expected["codes"][name]), atol=1e-5)
    plain(steps, training=True)
    layer(latents, training=True, mask=mask)
    for one, other in zip(weights_of(layer), weights_of(plain), strict=True):
        np.testing.assert_allclose(one, other, atol=rounding(64, np.maximum(np.abs(other), 1)))


@every_bottleneck
def test_nothing_counts_where_all_is_masked(make):
    layer = make()
    layer(sample(layer), training=True)
    before = weights_of(layer)
    outputs = layer(sample(layer, 4, 32), training=True, mask=np.zeros((4, 32), bool))
    assert float(numpy(outputs["loss"])) == 0
    for one, other in zip(weights_of(layer), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.torch_alone
@every_bottleneck
def test_a_masking_layer_before_it(make):
    """In `fit`, compiled: statistics as of the data without padding, and the mask goes on."""
    layer, plain = make(), make()
    if layer.input_dim != DIM:
        pytest.skip("its inputs are twice as long")
    latents, _, steps = padded(layer)
    inputs = keras.Input((32, DIM))
    masked = layer(keras.layers.Masking(-50.0)(inputs))["latents"]
    model = keras.Model(inputs, masked)
    plain(steps)
    plain.set_weights(layer.get_weights())
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=COMPILED)
    targets = np.zeros((4, 32, DIM), "float32")
    outputs = plain(steps, training=True)
    history = model.fit(latents, targets, batch_size=4, verbose=0).history
    # The output's loss, too, is over the steps that the mask leaves.
    output_loss = np.mean(numpy(outputs["latents"]) ** 2)
    expected = output_loss + numpy(outputs["loss"])
    if not isinstance(layer, uk.layers.ScalarQuantizer):
        np.testing.assert_allclose(history["loss"][0], expected, rtol=1e-3)
    for one, other in zip(weights_of(layer), weights_of(plain), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.torch_alone
def test_compiled_inference_keeps_no_losses():
    """On TensorFlow they would be tensors of a graph that is gone."""
    model = uk.VQVAE(8, 4, filters=4, residual_units=2, residual_blocks=1)
    images = np.zeros((1, 8, 8, 3), "uint8")
    model(images)
    kept = [id(loss) for loss in model.losses]
    model.reconstruct(images)
    model.encode(images)
    assert [id(loss) for loss in model.losses] in (kept, [])
    for loss in model.losses:
        float(numpy(loss))


def test_the_loss_of_our_models_counts_once():
    bottleneck = uk.layers.VectorQuantizer(8, 4, commitment_weight=1000.0)
    model = uk.ImageAutoencoder(bottleneck, filters=4, residual_units=2, residual_blocks=1)
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype="uint8")
    model.compile("sgd")
    model.adapt(images)
    measures = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    total = measures["reconstruction"] + measures["bottleneck_loss"]
    np.testing.assert_allclose(measures["loss"], total, rtol=1e-5)
