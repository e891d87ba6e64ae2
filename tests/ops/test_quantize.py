"""Quantised values against the levels of each law."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.ops.quantize import from_steps, quantize, to_steps

OPERATIONS = 8  # of the laws, one after the other
every_law = pytest.mark.parametrize("law", ["uniform", "mu_law"])
every_width = pytest.mark.parametrize("bits", [2, 4, 8])


def run(values, *args):
    return ops.convert_to_numpy(quantize(ops.convert_to_tensor(values), *args))


def levels_of(limit, bits, law):
    """The `2^bits - 1` levels in float64, by the laws' closed forms."""
    steps = 2 ** (bits - 1) - 1
    share = np.arange(-steps, steps + 1) / steps
    if law == "mu_law":
        share = np.sign(share) * (256 ** np.abs(share) - 1) / 255
    return share * limit


@every_law
@every_width
@pytest.mark.parametrize("limit", [0.37, 1.0, 5.3])
def test_values_go_to_exactly_the_levels_of_the_law(limit, bits, law):
    spread = np.random.default_rng(0).uniform(-1.2, 1.2, 50_000) * limit
    # Far outliers and small values too: rounding must not make new symbols of them.
    values = np.concatenate([spread, spread * 1e3, spread * 1e-3]).astype("float32")
    actual = np.unique(run(values, limit, bits, law))
    np.testing.assert_allclose(actual, levels_of(limit, bits, law), rtol=1e-5)


@every_law
@every_width
def test_steps_are_the_numbers_of_the_levels(bits, law):
    limit, largest = 0.37, 2 ** (bits - 1) - 1
    levels = ops.convert_to_tensor(levels_of(limit, bits, law).astype("float32"))
    steps = ops.convert_to_numpy(to_steps(levels, limit, bits, law))
    np.testing.assert_array_equal(steps, np.arange(-largest, largest + 1))
    values = ops.convert_to_tensor(
        np.random.default_rng(0).uniform(-0.5, 0.5, 1000).astype("float32")
    )
    back = from_steps(to_steps(values, limit, bits, law), limit, bits, law)
    np.testing.assert_array_equal(ops.convert_to_numpy(back), run(values, limit, bits, law))


@every_law
@every_width
def test_zero_stays_zero(bits, law):
    assert (run(np.zeros(3, "float32"), 1.7, bits, law) == 0).all()


@every_law
@every_width
def test_no_value_skips_past_a_level(bits, law, rounding):
    limit = 2.5
    values = np.linspace(-limit, limit, 10_001).astype("float32")
    levels = levels_of(limit, bits, law)
    above = np.clip(np.searchsorted(levels, values), 1, len(levels) - 1)
    actual = run(values, limit, bits, law)
    nearest = np.minimum(np.abs(actual - levels[above]), np.abs(actual - levels[above - 1]))
    np.testing.assert_allclose(nearest, 0, atol=rounding(OPERATIONS, limit))


@every_width
def test_uniform_error_is_half_a_step_at_most(bits, rounding):
    limit = 2.5
    values = np.random.default_rng(0).uniform(-limit, limit, 10_000).astype("float32")
    half_step = limit / (2 ** (bits - 1) - 1) / 2
    error = np.abs(run(values, limit, bits) - values)
    assert error.max() <= half_step + rounding(OPERATIONS, limit)
    assert error.max() >= half_step * 0.9


@every_law
def test_values_beyond_the_limit_go_to_the_outermost_level(law, rounding):
    actual = run(np.array([-1e3, -4.01, 4.01, 1e3], "float32"), 4.0, 8, law)
    np.testing.assert_allclose(actual, [-4, -4, 4, 4], rtol=rounding(OPERATIONS))


def test_mu_law_spends_its_levels_on_small_values():
    values = np.random.default_rng(0).laplace(scale=0.02, size=10_000).astype("float32")
    errors = {
        law: np.mean((run(values, 1.0, 6, law) - values) ** 2) for law in ("uniform", "mu_law")
    }
    assert errors["mu_law"] < 0.5 * errors["uniform"]


@every_law
def test_gradient_is_that_of_the_identity(gradients, law):
    values = np.array([-9, -0.3, 0, 0.011, 0.5, 9], "float32")
    weights = np.arange(1, 7, dtype="float32")
    (actual,) = gradients(
        lambda values: ops.sum(ops.multiply(quantize(values, 1.0, 4, law), weights)), values
    )
    np.testing.assert_array_equal(actual, weights)


@every_law
def test_compiles(compiled, law, rounding):
    values = np.linspace(-1.5, 1.5, 1001).astype("float32")
    actual = ops.convert_to_numpy(
        compiled(lambda values: quantize(values, 1.0, 3, law))(ops.convert_to_tensor(values))
    )
    levels = levels_of(1.0, 3, law)
    nearest = np.abs(actual[:, None] - levels).argmin(axis=1)
    np.testing.assert_allclose(actual, levels[nearest], atol=rounding(OPERATIONS))
    assert set(nearest) == set(range(len(levels)))
