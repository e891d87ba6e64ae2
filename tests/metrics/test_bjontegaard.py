import numpy as np
import pytest

from umbed_keras.metrics import bjontegaard_rate

pytestmark = pytest.mark.torch_alone
RATES = [686.76, 309.58, 157.11, 85.95]
QUALITIES = [40.28, 37.18, 34.24, 31.42]


def test_a_published_example():
    """Expected: `bd_rate(..., method="cubic")` of the package `bjontegaard` 1.3.0, 31.397374 %."""
    difference = bjontegaard_rate(
        RATES, QUALITIES, [893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]
    )
    assert difference == pytest.approx(0.31397374054908656, rel=1e-9)


def test_a_curve_with_scaled_rates():
    difference = bjontegaard_rate(RATES, QUALITIES, 0.8 * np.array(RATES), QUALITIES)
    assert difference == pytest.approx(-0.2, rel=1e-9)


def test_swapped_codecs_have_the_reciprocal_ratio():
    other = [500, 200, 100, 50, 30], [41, 37, 33, 30, 29]
    forward, backward = (
        bjontegaard_rate(RATES, QUALITIES, *other),
        bjontegaard_rate(*other, RATES, QUALITIES),
    )
    assert (1 + forward) * (1 + backward) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("rates", "qualities", "named"),
    [
        ([1, 2, 3], [1, 2, 3], "four or more points"),
        ([1, 2, 3, 4], [1, 2, 3], "as many"),
        ([0, 2, 3, 4], [31, 35, 37, 39], "above 0"),
        ([1, 2, 3, 4], [31, 35, 37, np.inf], "finite"),
        ([1, 2, 3, 4], [1, 2, 3, 4], "must overlap"),
    ],
)
def test_invalid_curves_are_value_errors(rates, qualities, named):
    with pytest.raises(ValueError, match=named):
        bjontegaard_rate(RATES, QUALITIES, rates, qualities)


def test_quality_must_rise_with_the_rate():
    falling = [40.28, 31.42, 34.24, 37.18]
    for curves in ((RATES, falling, RATES, QUALITIES), (RATES, QUALITIES, RATES, falling)):
        with pytest.raises(ValueError, match="Quality must rise"):
            bjontegaard_rate(*curves)
