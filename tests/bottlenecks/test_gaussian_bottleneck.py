import math

import numpy as np
from keras import ops
from scipy import integrate, stats

from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck

DIM = 3
numpy = ops.convert_to_numpy


def latents(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2 * DIM)).astype("float32")


def divergence(mean, log_variance):
    """KL(q || standard normal) of one number, by numerical integration."""
    deviation = math.exp(log_variance / 2)

    def excess(z):
        log_density = stats.norm.logpdf(z, mean, deviation)
        return math.exp(log_density) * (log_density - stats.norm.logpdf(z))

    return integrate.quad(excess, mean - 12 * deviation, mean + 12 * deviation)[0]


def mean_divergence(values):
    """Nats of a vector, averaged over vectors."""
    means, log_variances = np.split(values.astype("float64"), 2, axis=1)
    return np.vectorize(divergence)(means, log_variances).sum(axis=1).mean()


def test_loss_is_the_weighted_divergence():
    layer, values = GaussianBottleneck(DIM, kl_weight=0.3), latents(4)
    expected = 0.3 * mean_divergence(values)
    for training in (False, True):
        loss = layer(values, training=training)["loss"]
        np.testing.assert_allclose(numpy(loss), expected, rtol=1e-5)


def test_bits_are_the_divergence_in_bits():
    layer, values = GaussianBottleneck(DIM), latents(4)
    bits = mean_divergence(values) / math.log(2)
    np.testing.assert_allclose(layer.bits(layer.encode(values)), (bits, bits), rtol=1e-5)


def test_standard_normal_costs_nothing():
    layer = GaussianBottleneck(DIM)
    assert layer.bits(layer.encode(np.zeros((4, 2 * DIM), "float32"))).fixed_length == 0


def test_codes_are_mean_and_log_variance():
    values = latents()
    codes = GaussianBottleneck(DIM).encode(values)
    assert set(codes) == {"mean", "log_variance"}
    np.testing.assert_array_equal(numpy(codes["mean"]), values[:, :DIM])
    np.testing.assert_array_equal(numpy(codes["log_variance"]), values[:, DIM:])


def test_hands_on_the_mean_outside_training():
    layer, values = GaussianBottleneck(DIM), latents()
    for _ in range(2):
        np.testing.assert_array_equal(numpy(layer(values)["latents"]), values[:, :DIM])


def test_samples_follow_the_gaussian_while_training():
    mean, log_variance = np.array([0.5, -2.0, 10.0]), np.array([0.0, -3.0, 1.5])
    count = 20000
    values = np.tile(np.concatenate([mean, log_variance]), (count, 1)).astype("float32")
    samples = numpy(GaussianBottleneck(DIM, seed=1)(values, training=True)["latents"])
    noise = (samples - mean) / np.exp(log_variance / 2)
    assert all(stats.kstest(column, "norm").pvalue > 1e-3 for column in noise.T)
    # Standard errors of means, variances and correlations are about 1 / sqrt(count).
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=5 / math.sqrt(count))
    np.testing.assert_allclose(np.cov(noise.T), np.eye(DIM), atol=8 / math.sqrt(count))


def test_noise_is_fresh_in_each_call_and_repeats_with_the_seed():
    values = latents()
    layer, twin, other = (GaussianBottleneck(DIM, seed=seed) for seed in (1, 1, 2))
    first, second = (numpy(layer(values, training=True)["latents"]) for _ in range(2))
    assert np.all(first != second)
    np.testing.assert_array_equal(numpy(twin(values, training=True)["latents"]), first)
    assert np.all(numpy(other(values, training=True)["latents"]) != first)


def test_huge_log_variances_stay_finite():
    values = np.full((2, 2 * DIM), 1e4, "float32")
    values[1, DIM:] = -1e4
    outputs = GaussianBottleneck(DIM)(values, training=True)
    assert np.isfinite(numpy(outputs["loss"]))
    assert np.isfinite(numpy(outputs["latents"])).all()


def test_start_is_a_small_variance():
    start = GaussianBottleneck(DIM).input_start
    np.testing.assert_array_equal(start[:DIM], 0)
    assert np.all(np.exp(start[DIM:]) < 0.1)
