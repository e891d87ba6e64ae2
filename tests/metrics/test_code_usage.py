import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import entropy

from umbed_keras.metrics import CodeUsage

numpy = ops.convert_to_numpy


def result(metric):
    return {name: float(numpy(value)) for name, value in metric.result().items()}


def codes(*shape, seed=0):
    """Returns codes with unequal frequencies, without the last of 20 entries."""
    return np.random.default_rng(seed).binomial(18, 0.3, size=shape).astype("int32")


def test_perplexity_and_fraction_of_several_batches(rounding):
    metric = CodeUsage(20)
    batches = [codes(120), codes(4, 5, 6, seed=1)]
    for batch in batches:
        metric.update_state(batch)
    counts = np.bincount(np.concatenate([batch.ravel() for batch in batches]), minlength=20)
    np.testing.assert_array_equal(numpy(metric.counts), counts)
    assert result(metric) == {
        "perplexity": pytest.approx(np.exp(entropy(counts)), rel=rounding(20)),
        "fraction_used": pytest.approx(np.mean(counts > 0)),
    }


def test_least_and_largest_results(rounding):
    metric = CodeUsage(20)
    assert result(metric) == {"perplexity": 1, "fraction_used": 0}
    metric.update_state(np.full(120, 3))
    assert result(metric) == {"perplexity": 1, "fraction_used": pytest.approx(1 / 20)}
    metric.reset_state()
    metric.update_state(np.arange(120) % 20)
    assert result(metric) == {"perplexity": pytest.approx(20, rel=rounding(20)), "fraction_used": 1}


def test_codes_of_weight_zero_are_not_counted():
    metric, kept = CodeUsage(20), CodeUsage(20)
    batch, mask = codes(4, 30), np.random.default_rng(1).integers(2, size=(4, 30))
    metric.update_state(batch, sample_weight=mask)
    kept.update_state(batch[mask == 1])
    np.testing.assert_array_equal(numpy(metric.counts), numpy(kept.counts))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_scale_of_weights_does_not_matter(scale, rounding):
    metric = CodeUsage(20)
    batch, weights = codes(120), np.random.default_rng(1).uniform(size=120)
    metric.update_state(batch, sample_weight=scale * weights)
    shares = np.bincount(batch, weights, minlength=20)
    expected = np.exp(entropy(shares))
    assert result(metric)["perplexity"] == pytest.approx(expected, rel=rounding(len(batch)))


def test_counts_stay_exact_under_mixed_precision():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        metric = CodeUsage(20)
        for _ in range(3):
            metric.update_state(np.zeros(3001, "int32"))
    finally:
        keras.config.set_dtype_policy(policy)
    np.testing.assert_array_equal(numpy(metric.counts), [9003] + [0] * 19)


def test_config_round_trip():
    metric = CodeUsage(20, name="usage")
    copy = CodeUsage.from_config(metric.get_config())
    assert copy.get_config() == metric.get_config()
    assert (copy.num_entries, copy.name) == (20, "usage")


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([0, 8], ValueError, r"`indices` must lie in 0\.\.7.*from 0 to 8"),
        ([-1, 2], ValueError, r"`indices` must lie in 0\.\.7.*from -1 to 2"),
        ([0.7, 1.2], TypeError, "`indices` must be integers"),
    ],
)
def test_codes_that_do_not_exist_are_refused(indices, error, message):
    metric = CodeUsage(8)
    with pytest.raises(error, match=message):
        metric.update_state(np.array(indices))
    assert not numpy(metric.counts).any()
    metric.update_state([])
    assert float(metric.fraction_used()) == 0
