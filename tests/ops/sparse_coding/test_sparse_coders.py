"""The coders without a least-squares refit, each against its definition in float64."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.ops import (
    iterative_hard_thresholding,
    matching_pursuit,
    sparse_decode,
    top_k,
)

ITERATIONS = 50  # of thresholding
CODERS = [matching_pursuit, iterative_hard_thresholding, top_k]
all_coders = pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.__name__)


def run(coder, *args, **options):
    return tuple(map(ops.convert_to_numpy, coder(*args, **options)))


def problem(count, num_atoms, dim, seed=0):
    """Random signals `(count, dim)` and atoms `(num_atoms, dim)` of any length."""
    rng = np.random.default_rng(seed)
    signals, dictionary = (rng.standard_normal((rows, dim)) for rows in (count, num_atoms))
    return signals.astype("float32"), dictionary.astype("float32")


def dense(indices, coefficients, num_atoms):
    codes = np.zeros((len(indices), num_atoms))
    np.put_along_axis(codes, indices, coefficients, axis=1)
    return codes


def largest(values, count):
    """`values` with all but the `count` largest magnitudes of each row set to zero."""
    dropped = np.argsort(-np.abs(values), axis=1)[:, count:]
    kept = values.copy()
    np.put_along_axis(kept, dropped, 0, axis=1)
    return kept


def expected_codes(coder, signals, dictionary, sparsity):
    """Dense codes `(count, num_atoms)` in float64 by the textbook algorithm."""
    signals, dictionary = signals.astype("float64"), dictionary.astype("float64")
    norms = np.linalg.norm(dictionary, axis=1)
    atoms = dictionary / norms[:, None]
    codes = np.zeros((len(signals), len(atoms)))
    if coder is top_k:
        codes = largest(signals @ atoms.T, sparsity)
    if coder is matching_pursuit:
        for code, residual in zip(codes, signals.copy(), strict=True):
            for _ in range(sparsity):
                correlations = atoms @ residual
                best = np.argmax(np.where(code != 0, -1, np.abs(correlations)))
                code[best] = correlations[best]
                residual -= correlations[best] * atoms[best]
    if coder is iterative_hard_thresholding:
        step = 1 / np.linalg.norm(atoms, ord=2) ** 2
        for _ in range(ITERATIONS):
            codes = largest(codes + step * (signals - codes @ atoms) @ atoms.T, sparsity)
    return codes / norms


@pytest.fixture
def assert_mostly_equal(rounding):
    """Checks that codes are equal but for those where rounding decides between two atoms."""

    def check(actual, expected):
        tolerance = rounding(ITERATIONS * expected.shape[1], expected)
        assert np.isclose(actual, expected, atol=tolerance).all(axis=1).mean() >= 0.99

    return check


@all_coders
@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), [(16, 3, 3), (64, 16, 4)])
def test_codes_as_the_textbook_algorithm(assert_mostly_equal, coder, num_atoms, dim, sparsity):
    signals, dictionary = problem(1000, num_atoms, dim)
    indices, coefficients = run(coder, signals, dictionary, sparsity)
    assert indices.dtype == "int32"
    assert_mostly_equal(
        dense(indices, coefficients, num_atoms),
        expected_codes(coder, signals, dictionary, sparsity),
    )


@all_coders
def test_orthogonal_atoms_are_coded_exactly(coder, rounding):
    atoms = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8))).Q.astype("float32")
    code = np.array([[0, 3, 0, -2, 0, 0, 1, 0]], "float32")
    indices, coefficients = run(coder, code @ atoms, atoms, 3)
    np.testing.assert_array_equal(indices, [[1, 3, 6]])
    np.testing.assert_allclose(coefficients, [[3, -2, 1]], atol=rounding(8, 3))


def test_thresholding_never_raises_the_error(rounding):
    signals, dictionary = problem(500, 32, 16)
    errors = []
    for iterations in (1, 2, 5, 20, 50):
        code = run(iterative_hard_thresholding, signals, dictionary, 4, iterations=iterations)
        errors.append(np.linalg.norm(signals - dense(*code, 32) @ dictionary, axis=1))
    assert (np.diff(errors, axis=0) <= rounding(32, errors)).all()
    assert np.mean(errors[-1]) < np.mean(errors[0])


@all_coders
def test_indices_are_distinct(coder):
    rng = np.random.default_rng(0)
    # Small integers: ties, duplicate atoms, zero atoms and zero signals all occur.
    dictionary = rng.integers(-1, 2, (12, 3)).astype("float32")
    signals = rng.integers(-2, 3, (1000, 3)).astype("float32")
    indices, coefficients = run(coder, signals, dictionary, 6)
    assert (np.diff(np.sort(indices), axis=1) > 0).all()
    assert np.isfinite(coefficients).all()


@all_coders
def test_zero_signals_and_zero_atoms_have_zero_coefficients(coder):
    signals, dictionary = problem(20, 6, 8)
    signals[::2], dictionary[[1, 4]] = 0, 0
    codes = dense(*run(coder, signals, dictionary, 6), 6)
    assert (codes[::2] == 0).all()
    assert (codes[:, [1, 4]] == 0).all()
    assert (codes[1::2, [0, 2, 3, 5]] != 0).all()


@all_coders
def test_half_precision_is_computed_in_float32_and_returned_as_it_came(coder, rounding):
    signals, dictionary = (ops.cast(array, "float16") for array in problem(100, 16, 8))
    indices, coefficients = coder(signals, dictionary, 3)
    expected = run(coder, ops.cast(signals, "float32"), ops.cast(dictionary, "float32"), 3)
    assert ops.dtype(coefficients) == "float16"
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), expected[0])
    rounded = ops.convert_to_numpy(ops.cast(coefficients, "float32"))
    tolerance = rounding(8 * 3, expected[1])
    np.testing.assert_allclose(rounded, expected[1], rtol=2**-10, atol=tolerance)


@pytest.mark.torch_alone
@all_coders
@pytest.mark.parametrize("leading", [(), (0,), (2, 3)])
def test_any_leading_shape(coder, leading, rounding):
    signals, dictionary = problem(int(np.prod(leading)), 16, 8)
    indices, coefficients = run(coder, signals.reshape(*leading, 8), dictionary, 2)
    assert indices.shape == coefficients.shape == (*leading, 2)
    actual = dense(indices.reshape(-1, 2), coefficients.reshape(-1, 2), 16)
    expected = expected_codes(coder, signals, dictionary, 2)
    np.testing.assert_allclose(actual, expected, atol=rounding(ITERATIONS * 16, expected))


@all_coders
def test_gradients_are_those_of_finite_differences(float64, assert_gradients, coder):
    rng = np.random.default_rng(0)
    signals, dictionary = rng.standard_normal((2, 4)), rng.standard_normal((6, 4))
    weights = rng.standard_normal((2, 2))

    def weighted_sum(signals, dictionary):
        options = {"iterations": 1} if coder is iterative_hard_thresholding else {}
        return ops.sum(ops.multiply(coder(signals, dictionary, 2, **options)[1], weights))

    if coder is iterative_hard_thresholding:
        # Its step, which depends on the dictionary, is held constant.
        assert_gradients(lambda signals: weighted_sum(signals, dictionary), signals)
    else:
        assert_gradients(weighted_sum, signals, dictionary)


@all_coders
def test_gradients_are_finite_where_nothing_is_to_be_coded(gradients, coder):
    signals, dictionary = problem(4, 6, 3)
    signals[0], dictionary[1], dictionary[2] = 0, 0, dictionary[3]

    def energy(signals, dictionary):
        return ops.sum(ops.square(coder(signals, dictionary, 6)[1]))

    for gradient in gradients(energy, signals, dictionary):
        assert np.isfinite(gradient).all()
        assert (gradient != 0).any()


@all_coders
def test_compiles(compiled, assert_mostly_equal, coder):
    signals, dictionary = problem(200, 16, 8)
    function = compiled(lambda signals: coder(signals, dictionary, 3))
    actual = dense(*map(ops.convert_to_numpy, function(ops.convert_to_tensor(signals))), 16)
    assert_mostly_equal(actual, expected_codes(coder, signals, dictionary, 3))


@all_coders
@pytest.mark.parametrize(
    "change",
    [
        {"sparsity": 0},
        {"sparsity": 9},
        {"sparsity": 1.5},
        {"sparsity": True},
        {"signals": np.ones((4, 5))},
        {"dictionary": np.ones(6)},
    ],
    ids=str,
)
def test_invalid_arguments_are_value_errors(coder, change):
    arguments = {"signals": np.ones((4, 6)), "dictionary": np.eye(8, 6), "sparsity": 2}
    with pytest.raises(ValueError, match=f"`{next(iter(change))}`"):
        coder(**{**arguments, **change})


@pytest.mark.parametrize("leading", [(), (0,), (7,), (2, 3)])
def test_decoding_sums_the_weighted_atoms(leading, rounding):
    rng = np.random.default_rng(0)
    dictionary = rng.standard_normal((16, 5)).astype("float32")
    indices = rng.integers(0, 16, (*leading, 3))
    coefficients = rng.standard_normal((*leading, 3)).astype("float32")
    actual = ops.convert_to_numpy(sparse_decode(indices, coefficients, dictionary))
    expected = np.einsum("...s,...sd->...d", coefficients, dictionary[indices])
    np.testing.assert_allclose(actual, expected, atol=rounding(3, expected))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_decoding_keeps_the_type_of_the_coefficients(dtype):
    coefficients = ops.cast([[2.0, -1.0]], dtype)
    signals = sparse_decode([[0, 2]], coefficients, np.eye(3, dtype="float32"))
    assert ops.dtype(signals) == dtype
    np.testing.assert_array_equal(ops.convert_to_numpy(signals).astype("float32"), [[2, 0, -1]])


def test_decoding_passes_gradients_to_coefficients_and_atoms(gradients):
    indices, weights = np.array([[0, 2], [2, 1]]), np.array([[1, 2], [3, 4]], "float32")
    coefficients = np.array([[5, 6], [7, 8]], "float32")
    dictionary = np.array([[1, 0], [0, 1], [2, 3]], "float32")
    actual = gradients(
        lambda coefficients, dictionary: ops.sum(
            ops.multiply(sparse_decode(indices, coefficients, dictionary), weights)
        ),
        coefficients,
        dictionary,
    )
    np.testing.assert_array_equal(actual[0], np.einsum("nsd,nd->ns", dictionary[indices], weights))
    np.testing.assert_array_equal(actual[1], [[5, 10], [24, 32], [6 + 21, 12 + 28]])


@pytest.mark.parametrize(
    ("indices", "coefficients", "dictionary"),
    [
        ((5, 3), (5, 2), (8, 4)),
        ((3,), (5, 3), (8, 4)),
        ((4, 3), (5, 3), (8, 4)),
        ((5, 3),) * 2 + ((8,),),
    ],
    ids=["sparsity", "rank", "leading", "dictionary"],
)
def test_decoding_shapes_that_do_not_match_is_a_value_error(indices, coefficients, dictionary):
    with pytest.raises(ValueError, match="must have"):
        sparse_decode(np.zeros(indices, "int32"), np.ones(coefficients), np.ones(dictionary))


@pytest.mark.parametrize(
    ("indices", "error"), [([[0, 3]], ValueError), ([[-1, 0]], ValueError), ([[0.5, 1]], TypeError)]
)
def test_atoms_that_do_not_exist_are_refused(indices, error):
    with pytest.raises(error, match="`indices` must"):
        sparse_decode(np.array(indices), np.ones((1, 2), "float32"), np.eye(3, dtype="float32"))


def test_integer_coefficients_leave_the_atoms_as_they_are():
    signals = sparse_decode([[0, 2]], np.array([[2, 3]]), 0.5 * np.eye(3, dtype="float32"))
    assert ops.convert_to_numpy(signals).tolist() == [[1.0, 0.0, 1.5]]
    with pytest.raises(TypeError, match="`coefficients` must be real"):
        sparse_decode([[0, 2]], np.array([[2j, 3]], "complex64"), np.eye(3, dtype="float32"))
