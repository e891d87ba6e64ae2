"""Means rounded to steps, against the rounding itself."""

import warnings

import numpy as np
import pytest

from umbed_keras.bottlenecks.entropy_models.quantized_means import QuantizedMeans

DIM = 6
pytestmark = pytest.mark.torch_alone


def test_rounding_has_the_variance_of_the_codes():
    mean = np.random.default_rng(0).normal(size=(4, 5, DIM)).astype("float32")
    codes = {"mean": mean, "log_variance": np.full_like(mean, np.log(0.01))}
    model = QuantizedMeans(DIM)
    settings = model.settings([codes])
    np.testing.assert_allclose(settings["steps"] ** 2 / 12, 0.01, rtol=1e-6)
    model = model.with_settings(settings)
    with warnings.catch_warnings(action="error"):
        decoded = model.from_symbols(model.to_symbols(codes))
    np.testing.assert_allclose(decoded["mean"], mean, atol=settings["steps"][0] * (1 + 1e-6) / 2)
    np.testing.assert_allclose(decoded["log_variance"], codes["log_variance"], rtol=1e-6)


def test_means_beyond_the_reach_are_clipped_with_a_warning():
    steps, reach = np.full(DIM, 0.5, "float32"), np.full(DIM, 7, "int32")
    model = QuantizedMeans(DIM, steps, reach)
    mean = np.zeros((4, 5, DIM), "float32")
    mean[0, 0] = 100
    with pytest.warns(UserWarning, match=r"0\.05 of all numbers .*adapt_codec"):
        symbols = model.to_symbols({"mean": mean})
    np.testing.assert_array_equal(symbols[0, 0], 2 * reach)
    np.testing.assert_array_equal(symbols[1:], 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reach": None}, "another bottleneck's"),
        ({"levels": np.ones(DIM)}, "another bottleneck's"),
        ({"steps": np.ones(DIM + 1, "float32")}, "6 means"),
        ({"steps": np.ones(DIM, "float64")}, "float32"),
        ({"steps": np.zeros(DIM, "float32")}, "above 0"),
        ({"reach": np.full(DIM, 2**15, "int32")}, "2\\^14"),
    ],
    ids=["missing", "unknown", "shape", "dtype", "zero", "reach"],
)
def test_settings_of_another_bottleneck_are_value_errors(change, message):
    settings = {"steps": np.ones(DIM, "float32"), "reach": np.ones(DIM, "int32"), **change}
    settings = {name: part for name, part in settings.items() if part is not None}
    with pytest.raises(ValueError, match=message):
        QuantizedMeans(DIM).with_settings(settings)
