"""What residual quantisation has beyond the promises of every bottleneck."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer

numpy = ops.convert_to_numpy
DIM = 4
SHARED = pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])


def sample(count=256, seed=0):
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype("float32")


def adapted(shared=False, stages=3, **kwargs):
    layer = ResidualVectorQuantizer(8, DIM, stages, shared_codebook=shared, **kwargs)
    layer.adapt(sample(512, seed=1))
    return layer


def greedy(layer, latents):
    """Each stage's nearest entry, in float64: indices and what is left over after each stage."""
    residual, indices, left = latents.astype("float64"), [], []
    for quantizer in layer.stages:
        codebook = numpy(quantizer.codebook).astype("float64")
        distances = np.sum((residual[:, None] - codebook) ** 2, axis=2)
        indices.append(np.argmin(distances, axis=1))
        residual = residual - codebook[indices[-1]]
        left.append(residual)
    return np.stack(indices, axis=1), left


@SHARED
def test_each_stage_codes_what_is_left_over(shared):
    layer, latents = adapted(shared), sample()
    indices, left = greedy(layer, latents)
    actual = numpy(layer.encode(latents)["indices"])
    assert np.mean((actual == indices).all(axis=1)) > 0.99
    errors = latents - numpy(layer(latents)["latents"])
    np.testing.assert_allclose(np.mean(errors**2), np.mean(left[-1] ** 2), rtol=1e-3)


@SHARED
def test_loss_is_the_mean_of_what_every_stage_leaves(shared):
    layer, latents = adapted(shared, commitment_weight=0.5), sample()
    _, left = greedy(layer, latents)
    expected = 0.5 * np.mean([np.mean(part**2) for part in left])
    np.testing.assert_allclose(float(layer(latents)["loss"]), expected, rtol=1e-4)


@SHARED
def test_stages_lower_the_error(shared):
    latents = sample(512, seed=1)
    errors = []
    for stages in (1, 2, 4):
        layer = adapted(shared, stages=stages)
        errors.append(np.mean((latents - numpy(layer(latents)["latents"])) ** 2))
    assert errors[0] > 1.3 * errors[1] > 1.3**2 * errors[2]


def test_one_stage_is_vector_quantisation(rounding):
    layer, plain = adapted(stages=1), VectorQuantizer(8, DIM)
    plain.adapt(sample(512, seed=1))
    one, other = layer(sample()), plain(sample())
    np.testing.assert_array_equal(
        numpy(one["codes"]["indices"])[:, 0], numpy(other["codes"]["indices"])
    )
    expected = numpy(other["latents"])
    np.testing.assert_allclose(numpy(one["latents"]), expected, atol=rounding(DIM, expected))
    tolerance = rounding(sample().size)
    np.testing.assert_allclose(float(one["loss"]), float(other["loss"]), rtol=tolerance)


def test_gradients_reach_the_codebook_of_every_stage(gradients, rounding):
    layer = adapted(update="gradient", commitment_weight=0.0)
    latents = sample()
    _, left = greedy(layer, latents)

    def loss_with_moved_codebook(stage):
        def function(kernel):
            quantizer = layer.quantizers[stage]
            held, quantizer.kernel = quantizer.kernel, kernel
            try:
                return layer(latents, training=True)["loss"]
            finally:
                quantizer.kernel = held

        return function

    indices = numpy(layer.encode(latents)["indices"])
    for stage in range(3):
        # d/dc of mean |residual - c|^2 over vectors, entries and stages.
        expected = np.zeros((8, DIM))
        np.add.at(expected, indices[:, stage], -2 * left[stage] / (latents.size * 3))
        (actual,) = gradients(loss_with_moved_codebook(stage), np.zeros((8, DIM), "float32"))
        np.testing.assert_allclose(actual, expected, atol=rounding(len(latents), expected))
        assert np.abs(expected).max() > 1e-4


@SHARED
def test_derivative_of_the_latents_is_that_of_the_identity(gradients, shared, rounding):
    layer, latents = adapted(shared, revival_threshold=0.0), sample(16)
    towards = sample(16, seed=2)
    (actual,) = gradients(
        lambda x: ops.sum(ops.multiply(towards, layer(x, training=True)["latents"])), latents
    )
    np.testing.assert_allclose(actual, towards, atol=rounding(2, towards))


def test_averages_follow_what_each_stage_codes():
    layer, latents = adapted(decay=0.9, revival_threshold=0.0), sample()
    before = [numpy(quantizer.usage) for quantizer in layer.quantizers]
    indices, _ = greedy(layer, latents)
    layer(latents, training=True)
    for stage, quantizer in enumerate(layer.quantizers):
        shares = np.bincount(indices[:, stage], minlength=8) / len(latents)
        expected = 0.9 * before[stage] + 0.1 * shares
        # Two latents between entries may go either way.
        np.testing.assert_allclose(numpy(quantizer.usage), expected, atol=0.1 * 2.5 / len(latents))


def test_a_shared_codebook_learns_from_all_stages_at_once():
    layer, latents = adapted(shared=True, decay=0.0, revival_threshold=0.0), sample()
    indices, _ = greedy(layer, latents)
    layer(latents, training=True)
    shares = np.bincount(indices.ravel(), minlength=8) / indices.size
    # Two latents between entries may go either way.
    np.testing.assert_allclose(numpy(layer.quantizers[0].usage), shares, atol=2.5 / indices.size)


def test_bits_are_the_stages_own():
    indices = np.array([[0, 1], [0, 2], [0, 3], [0, 4]], "int32")
    layer = ResidualVectorQuantizer(8, DIM, 2)
    assert layer.bits({"indices": indices}) == (6.0, 2.0)


def test_used_entries_tell_the_codebooks_apart():
    codes = {"indices": np.array([[0, 1], [2, 1]], "int32")}
    own, shared = (ResidualVectorQuantizer(8, DIM, 2, shared) for shared in (False, True))
    assert own.num_entries == 16
    assert shared.num_entries == 8
    np.testing.assert_array_equal(numpy(own.used_entries(codes)[0]), [[0, 9], [2, 9]])
    np.testing.assert_array_equal(numpy(shared.used_entries(codes)[0]), [[0, 1], [2, 1]])
