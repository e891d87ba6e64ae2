"""Sparse codes as symbols and back."""

import numpy as np
import pytest

from umbed_keras.bottlenecks.entropy_models.entropy_model import COUNT, ENTRY, FACTOR, Symbol
from umbed_keras.bottlenecks.entropy_models.sparse_codes import SparseCodes

ATOMS, SPARSITY = 12, 3
LEVELS = np.linspace(-2, 2, 31).astype("float32")
pytestmark = pytest.mark.torch_alone


def random_codes(counted):
    """Codes of shape `(50, 4)`; if counted, each with the atoms that it stops at."""
    random = np.random.default_rng(0)
    shape = (50, 4, SPARSITY)
    indices = random.integers(0, ATOMS, shape).astype("int32")
    coefficients = random.choice(LEVELS[LEVELS != 0], shape)
    counts = random.integers(0, SPARSITY + 1, shape[:2])
    if counted:
        absent = np.arange(SPARSITY) >= counts[..., None]
        indices[absent], coefficients[absent] = 0, 0
    return {"indices": indices, "coefficients": coefficients}, counts


@pytest.mark.parametrize("counted", [True, False])
def test_codes_come_back(counted):
    model = SparseCodes(ATOMS, SPARSITY, LEVELS, counted)
    codes, counts = random_codes(counted)
    pairs = (Symbol(ATOMS, ENTRY), Symbol(31, FACTOR)) * SPARSITY
    assert model.symbols == ((Symbol(SPARSITY + 1, COUNT),) if counted else ()) + pairs
    symbols = model.to_symbols(codes)
    assert symbols.shape == (50, 4, len(model.symbols))
    for column, (size, _) in enumerate(model.symbols):
        assert 0 <= symbols[..., column].min() <= symbols[..., column].max() < size
    if counted:
        np.testing.assert_array_equal(symbols[..., 0], counts)
    for name, part in model.from_symbols(symbols).items():
        np.testing.assert_array_equal(part, codes[name])


def test_coefficients_between_levels_are_a_value_error():
    codes, _ = random_codes(False)
    codes["coefficients"][7, 2, 1] += 0.01
    with pytest.raises(ValueError, match="steps of the quantiser"):
        SparseCodes(ATOMS, SPARSITY, LEVELS, False).to_symbols(codes)
