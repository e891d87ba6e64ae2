import numpy as np
import pytest

from umbed_keras.metrics import bjontegaard_rate

pytestmark = pytest.mark.torch_alone
RATES = [686.76, 309.58, 157.11, 85.95]
QUALITIES = [40.28, 37.18, 34.24, 31.42]


def test_a_known_example():
    """By the package `bjontegaard` 1.3.0, `bd_rate(..., method="cubic")`: 31.397374054908656 %."""
    found = bjontegaard_rate(
        RATES, QUALITIES, [893.34, 407.8, 204.93, 112.75], [40.39, 37.21, 34.17, 31.24]
    )
    assert found == pytest.approx(0.31397374054908656, rel=1e-9)


def test_the_same_curve_at_another_rate():
    found = bjontegaard_rate(RATES, QUALITIES, 0.8 * np.array(RATES), QUALITIES)
    assert found == pytest.approx(-0.2, rel=1e-9)


def test_either_way_round():
    other = [500, 200, 100, 50, 30], [41, 37, 33, 30, 29]
    there, back = (
        bjontegaard_rate(RATES, QUALITIES, *other),
        bjontegaard_rate(*other, RATES, QUALITIES),
    )
    assert (1 + there) * (1 + back) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(
    ("rates", "qualities", "says"),
    [
        ([1, 2, 3], [1, 2, 3], "four points"),
        ([1, 2, 3, 4], [1, 2, 3], "as many"),
        ([0, 2, 3, 4], [31, 35, 37, 39], "above 0"),
        ([1, 2, 3, 4], [31, 35, 37, np.inf], "finite"),
        ([1, 2, 3, 4], [1, 2, 3, 4], "share no"),
    ],
)
def test_what_is_no_curve(rates, qualities, says):
    with pytest.raises(ValueError, match=says):
        bjontegaard_rate(RATES, QUALITIES, rates, qualities)
