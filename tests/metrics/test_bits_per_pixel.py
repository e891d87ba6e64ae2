import keras
import numpy as np
import pytest
from scipy.stats import entropy

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.metrics import BitsPerPixel


def latents(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def test_codes_of_several_batches_share_their_statistics():
    bottleneck = VectorQuantizer(num_embeddings=20, latent_dim=4)
    metric = BitsPerPixel(bottleneck)
    batches = [np.random.default_rng(n).binomial(18, 0.3, (n, 5, 6)) for n in (2, 3)]
    for indices in batches:
        metric.update_state({"indices": indices}, pixels=len(indices) * 40 * 48)
    counts = np.bincount(np.concatenate([indices.ravel() for indices in batches]))
    assert metric.result() == {
        "fixed_length": pytest.approx(5 / 64),
        "entropy_coded": pytest.approx(entropy(counts, base=2) / 64),
    }


@pytest.mark.parametrize(
    ("coefficient_bits", "expected"), [(None, 3 * (5 + 32) / 16), (6, 3 * (5 + 6) / 16)]
)
def test_rates_of_sparse_codes(coefficient_bits, expected):
    bottleneck = DictionaryBottleneck(
        num_atoms=32, latent_dim=8, sparsity=3, coefficient_bits=coefficient_bits
    )
    metric = BitsPerPixel(bottleneck)
    metric.update_state(bottleneck.encode(latents(2, 5, 5, 8)), pixels=2 * 20 * 20)
    rates = metric.result()
    assert rates["fixed_length"] == pytest.approx(expected)
    assert 0 < rates["entropy_coded"] <= expected


def test_the_rate_of_a_gaussian_is_its_divergence_in_bits():
    bottleneck = GaussianBottleneck(latent_dim=2)
    metric = BitsPerPixel(bottleneck)
    rng = np.random.default_rng(0)
    codes = [
        {"mean": rng.normal(size=(n, 2)), "log_variance": rng.normal(size=(n, 2))} for n in (3, 7)
    ]
    for part in codes:
        metric.update_state(part, pixels=len(part["mean"]) * 4)
    mean, log = (np.concatenate([c[name] for c in codes]) for name in ("mean", "log_variance"))
    nats = 0.5 * (mean**2 + np.exp(log) - 1 - log).sum(axis=1).mean()
    expected = pytest.approx(nats / np.log(2) / 4, rel=1e-5)
    assert metric.result() == {"fixed_length": expected, "entropy_coded": expected}


def test_reset_removes_all_codes():
    bottleneck = VectorQuantizer(num_embeddings=4, latent_dim=3)
    metric = BitsPerPixel(bottleneck)
    assert np.isnan(list(metric.result().values())).all()
    codes = bottleneck.encode(latents(2, 6, 3))
    metric.update_state(codes, pixels=24)
    first = metric.result()
    assert first["fixed_length"] == 1
    metric.reset_state()
    assert np.isnan(list(metric.result().values())).all()
    metric.update_state(codes, pixels=24)
    assert metric.result() == first


def test_bad_codes_and_pixels_are_value_errors():
    metric = BitsPerPixel(VectorQuantizer(num_embeddings=4, latent_dim=3))
    with pytest.raises(ValueError, match=r"`codes` must have the keys \['indices'\]"):
        metric.update_state({"mean": np.zeros((2, 3))}, pixels=4)
    with pytest.raises(ValueError, match="`pixels` must be at least 1"):
        metric.update_state({"indices": np.zeros(2, int)}, pixels=0)


def test_config_round_trip():
    metric = BitsPerPixel(VectorQuantizer(num_embeddings=4, latent_dim=3), name="bits")
    for copy in (
        BitsPerPixel.from_config(metric.get_config()),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric)),
    ):
        assert copy.name == "bits"
        assert copy.bottleneck.get_config() == metric.bottleneck.get_config()
