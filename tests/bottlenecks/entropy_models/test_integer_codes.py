"""Codes that are integers, as symbols and back."""

import numpy as np
import pytest

from umbed_keras.bottlenecks.entropy_models.entropy_model import ENTRY, NUMBER, Symbol
from umbed_keras.bottlenecks.entropy_models.integer_codes import IntegerCodes

pytestmark = pytest.mark.torch_alone


def test_parts_are_joined_in_their_order():
    spec = {"one": ((), "int32"), "grid": ((2, 2), "int64")}
    model = IntegerCodes(spec, 9)
    assert model.symbols == (Symbol(9, ENTRY),) * 5
    codes = {
        "grid": np.arange(3 * 5 * 4).reshape(3, 5, 2, 2) % 9,
        "one": np.full((3, 5), 8, "int32"),
    }
    symbols = model.to_symbols(codes)
    assert symbols.shape == (3, 5, 5)
    assert symbols.dtype == "int32"
    np.testing.assert_array_equal(symbols[0, 1], [8, 4, 5, 6, 7])
    decoded = model.from_symbols(symbols)
    assert {name: part.dtype for name, part in decoded.items()} == {"one": "int32", "grid": "int64"}
    for name, part in codes.items():
        np.testing.assert_array_equal(decoded[name], part)


def test_no_codes_at_all():
    model = IntegerCodes({"indices": ((), "int32")}, 9)
    symbols = model.to_symbols({"indices": np.zeros((0, 4), "int32")})
    assert symbols.shape == (0, 4, 1)
    assert model.from_symbols(symbols)["indices"].shape == (0, 4)


def test_each_integer_has_its_size():
    model = IntegerCodes({"indices": ((3,), "int32")}, np.array([8, 5, 4]), role=NUMBER)
    assert model.symbols == (Symbol(8, NUMBER), Symbol(5, NUMBER), Symbol(4, NUMBER))


def test_integers_of_any_size():
    model = IntegerCodes({"indices": ((2,), "int32")}, None, role=NUMBER)
    assert model.symbols == (Symbol(None, NUMBER),) * 2
    codes = np.array([[-(2**20), 2**20]])
    np.testing.assert_array_equal(model.to_symbols({"indices": codes}), codes)


@pytest.mark.parametrize("value", [-1, 5])
def test_integers_outside_their_range_are_value_errors(value):
    model = IntegerCodes({"indices": ((2,), "int32")}, [9, 5])
    with pytest.raises(ValueError, match="outside 0 to 4"):
        model.to_symbols({"indices": np.array([[0, 0], [8, value]])})


def test_settings_of_another_bottleneck_are_a_value_error():
    model = IntegerCodes({"indices": ((2,), "int32")}, 5)
    assert model.settings([]) == {}
    assert model.with_settings({}) is model
    with pytest.raises(ValueError, match=r"another bottleneck's.*steps"):
        model.with_settings({"steps": np.ones(2)})
