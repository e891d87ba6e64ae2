import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer

numpy = ops.convert_to_numpy


def normal(count, dim, scale=1.0, seed=0):
    random = np.random.default_rng(seed)
    return (scale * random.normal(size=(count, dim))).astype("float32")


def test_steps_are_what_the_rate_weight_asks_for():
    """Where a vector's bits grow by one, the squared error falls by the weight, at high rates."""
    layer = ScalarQuantizer(3, rate_weight=1e-2)
    layer.build()
    step = numpy(layer.steps)
    error = step**2 / 12
    finer = (step * 2 ** (-1 / 3)) ** 2 / 12  # a third of a bit more for each of three entries
    slope = 3 * (error - finer) / (3 * (1 - 2 ** (-2 / 3))) * 2 * math.log(2) / 3
    np.testing.assert_allclose(slope, 1e-2, rtol=1e-5)


def test_no_codes_have_no_bits():
    layer = ScalarQuantizer(3)
    assert layer.bits(layer.encode(normal(0, 3))) == (0, 0)


def test_an_integer_is_the_nearest_or_the_next_smaller_where_that_is_worth_it():
    layer, latents = ScalarQuantizer(3, rate_weight=1e-2), normal(300, 3)
    layer.adapt(latents)
    steps = numpy(layer.steps)
    nearest = np.round(latents / steps)
    candidates = np.stack([nearest, nearest - np.sign(nearest)])
    tables = layer.probability_tables()
    chances = [
        probabilities[column.astype(int) - first]
        for column, (first, probabilities) in zip(
            np.moveaxis(candidates, -1, 0), tables, strict=True
        )
    ]
    # The loss of each choice: squared error, mean over entries, and the weighted bits.
    costs = (candidates * steps - latents) ** 2 / 3 - 1e-2 * np.log2(np.stack(chances, axis=-1))
    best = np.where(costs[1] < costs[0], candidates[1], candidates[0])
    codes = layer.encode(latents)
    clear = np.abs(costs[1] - costs[0]) > 1e-6
    assert 0.02 < np.mean(best != nearest) < 0.5
    np.testing.assert_array_equal(numpy(codes["indices"])[clear], best[clear])
    decoded = numpy(layer.decode(codes))
    np.testing.assert_allclose(decoded, numpy(codes["indices"]) * steps, rtol=1e-6)


def test_noise_is_uniform_within_half_a_step():
    layer = ScalarQuantizer(2, seed=1)
    first, second = (numpy(layer._noise((4000, 2))) for _ in range(2))
    assert stats.kstest(first.ravel(), "uniform", (-0.5, 1.0)).pvalue > 1e-3
    assert not np.array_equal(first, second)


def test_latents_learn_from_the_cost_with_noise(gradients):
    """Rounded ones have no derivative."""
    layer, latents = ScalarQuantizer(2, rate_weight=1.0, seed=3), normal(4000, 2, 20.0)
    layer.adapt(latents)
    actual = gradients(lambda x: layer(x, training=True)["loss"], latents)[0]
    outside = np.abs(latents) > 10  # where further out costs more
    assert np.mean((actual * latents)[outside] > 0) > 0.95


def test_the_loss_is_the_weighted_code_length_of_the_tables():
    """`probability_tables` is what an entropy coder is given; the loss is what it will need."""
    layer, latents = ScalarQuantizer(3, rate_weight=1e-3), normal(300, 3, 2.0)
    layer.adapt(latents)
    outputs = layer(latents)
    indices, length = numpy(outputs["codes"]["indices"]), 0.0
    for column, (first, probabilities) in zip(indices.T, layer.probability_tables(), strict=True):
        assert 0 < probabilities.sum() <= 1
        length -= np.log2(probabilities[column - first]).sum()
    expected = length / len(indices)
    np.testing.assert_allclose(float(outputs["loss"]), 1e-3 * expected, rtol=1e-4)
    for bits in (layer.expected_bits(outputs["codes"]), layer.spent_bits(outputs)):
        np.testing.assert_allclose(float(bits), expected, rtol=1e-4)


def test_a_fresh_density_is_about_logistic():
    density, values = FactorizedDensity(2, seed=0), normal(1000, 2, 5.0)
    density.adapt(values)
    for first, probabilities in density.tables():
        integers = np.arange(first, first + len(probabilities))
        assert probabilities.sum() == pytest.approx(1, abs=2**-15)
        mean = probabilities @ integers
        assert abs(mean) < 3
        assert math.sqrt(probabilities @ (integers - mean) ** 2) == pytest.approx(5, rel=0.3)


def test_gradients_of_the_code_length(gradients):
    density = FactorizedDensity(2, seed=0)
    density.build()
    points, step = normal(6, 2, 2.0), 1e-2
    actual = gradients(lambda x: ops.sum(density(x)), points)[0]
    ahead, behind = (numpy(density(points + change)) for change in (step, -step))
    # Of float32, whose code lengths of some bits are off by 1e-6.
    np.testing.assert_allclose(actual, (ahead - behind) / (2 * step), rtol=1e-2, atol=1e-3)


class Cost(keras.Model):
    """A bottleneck of which only the density learns."""

    def __init__(self, bottleneck):
        super().__init__()
        self.bottleneck = bottleneck
        bottleneck.log_steps.trainable = False

    def call(self, inputs, training=False):
        self.bottleneck(inputs, training=training)  # adds its loss
        return inputs


def test_training_finds_the_density_of_the_data():
    random = np.random.default_rng(0)
    columns = random.laplace(0, 3, 1000), random.normal(5, 6, 1000)
    latents = np.stack(columns, axis=1).astype("float32")
    layer = ScalarQuantizer(2, rate_weight=2 * math.log(2) / 24)  # a step of 1
    layer.build()
    model = Cost(layer)
    model.compile(keras.optimizers.Adam(3e-2), loss=None)
    before = float(layer.expected_bits(layer.encode(latents)))
    model.fit(latents, batch_size=500, epochs=40, verbose=0)
    codes = layer.encode(latents)
    entropy = layer.bits(codes).entropy_coded
    assert before > 1.1 * entropy
    assert float(layer.expected_bits(codes)) < 1.05 * entropy


def test_larger_steps_cost_less_and_densities_follow():
    layer, latents = ScalarQuantizer(2), normal(2000, 2, 3.0)
    layer.adapt(latents)
    steps, codes = numpy(layer.steps), layer.encode(latents)
    before = float(layer.expected_bits(codes))
    layer.scale_steps(2.0)
    np.testing.assert_allclose(numpy(layer.steps), 2 * steps, rtol=1e-6)
    # A bit less for each of the two entries.
    after = float(layer.expected_bits(layer.encode(latents)))
    assert before - after == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("levels", [[5, 4], 3])
def test_a_configuration_with_levels_makes_a_finite_scalar_quantizer(levels):
    """As saved when one class did both."""
    config = {"name": "old", "latent_dim": 2, "levels": levels, "rate_weight": 1e-5, "seed": 0}
    layer = keras.saving.deserialize_keras_object(
        {
            "module": "umbed_keras.layers.scalar_quantizer",
            "class_name": "ScalarQuantizer",
            "config": {**config, "context": None},
            "registered_name": "umbed_keras>ScalarQuantizer",
        }
    )
    assert isinstance(layer, FiniteScalarQuantizer)
    assert layer.get_config() == FiniteScalarQuantizer(2, levels, name="old").get_config()


def test_a_configuration_with_levels_none_has_a_learned_density():
    layer = ScalarQuantizer.from_config({"latent_dim": 2, "levels": None, "rate_weight": 0.5})
    assert isinstance(layer, ScalarQuantizer)
    assert layer.rate_weight == 0.5
