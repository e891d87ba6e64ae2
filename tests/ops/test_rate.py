"""Bits of codes against counts by hand and SciPy's entropy."""

import math

import numpy as np
import pytest
from scipy import stats

from umbed_keras.ops.rate import entropy, index_bits, sparse_bits


def random_codes(count, num_atoms, sparsity, seed=0):
    """Uniformly random supports in random order, and coefficients of 8 bits."""
    rng = np.random.default_rng(seed)
    indices = rng.random((count, num_atoms)).argsort(axis=1)[:, :sparsity]
    return indices, rng.integers(-127, 128, (count, sparsity)) / 127


@pytest.mark.parametrize("counts", [[1], [5, 5], [1, 2, 3, 4], [1000, 1]], ids=str)
def test_entropy_is_that_of_scipy(counts):
    symbols = np.repeat(np.arange(len(counts)), counts)
    assert entropy(symbols) == pytest.approx(stats.entropy(counts, base=2))
    rows = np.stack([symbols, symbols % 2], axis=1)
    assert entropy(rows) == pytest.approx(stats.entropy(counts, base=2))


@pytest.mark.parametrize("shape", [(0,), (0, 4)])
def test_no_symbols_have_no_entropy(shape):
    assert entropy(np.zeros(shape)) == 0


@pytest.mark.parametrize(("entries", "bits"), [(1, 0), (2, 1), (16, 4), (17, 5), (512, 9)])
def test_index_bits(entries, bits):
    assert index_bits(entries) == bits


def test_sixteen_atoms_four_a_pixel_at_eight_bits_cost_48():
    bits = sparse_bits(*random_codes(100_000, 16, 4), num_atoms=16, coefficient_bits=8)
    assert bits.fixed_length == 48
    # log2(16 choose 4) + 4 * 8: random codes come close to it and can't exceed it.
    assert 42.7 < bits.entropy_coded <= 42.83


def test_unquantised_coefficients_cost_32_bits():
    bits = sparse_bits(*random_codes(1000, 16, 4), num_atoms=16)
    assert bits.fixed_length == 4 * (4 + 32)
    assert bits.entropy_coded <= math.log2(math.comb(16, 4)) + 4 * 32
    assert bits.entropy_coded >= 4 * 32


def test_entropy_coder_profits_from_what_is_frequent():
    indices = np.array([[0, 1], [1, 0], [0, 1], [2, 3]])
    coefficients = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, -0.5]])
    bits = sparse_bits(indices, coefficients, num_atoms=16, coefficient_bits=8)
    supports = stats.entropy([3, 1], base=2)
    values = stats.entropy([7, 1], base=2)
    assert bits.entropy_coded == pytest.approx(supports + 2 * values)
    assert bits.fixed_length == 2 * (4 + 8)


def test_codes_that_never_change_cost_nothing_but_fixed_fields():
    bits = sparse_bits(np.tile([3, 1], (50, 1)), np.full((50, 2), 0.25), 8, 6)
    assert bits == (2 * (3 + 6), 0)


def test_leading_shape_is_free():
    indices, coefficients = random_codes(60, 16, 4)
    flat = sparse_bits(indices, coefficients, 16, 8)
    shaped = sparse_bits(indices.reshape(3, 4, 5, 4), coefficients.reshape(3, 4, 5, 4), 16, 8)
    assert shaped == flat
