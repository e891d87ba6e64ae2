"""Against scikit-learn in float64, least squares, and the definition of the algorithm."""

import keras
import numpy as np
import pytest
from keras import backend, ops
from skimage.data import astronaut
from sklearn.cluster import KMeans
from sklearn.linear_model import orthogonal_mp_gram

from umbed_keras.backend.chunks import CHUNK_ENTRIES
from umbed_keras.ops import (
    iterative_hard_thresholding,
    matching_pursuit,
    orthogonal_matching_pursuit,
    top_k,
)
from umbed_keras.ops.sparse_coding._arguments import largest
from umbed_keras.ops.sparse_coding.orthogonal_matching_pursuit import _distinct

# JAX compiles anew for every shape and sparsity: most tests share these.
COUNT, NUM_ATOMS, DIM, SPARSITY = 2000, 16, 16, 4
SIZES = [(16, 3, 3), (16, 16, 4), (64, 16, 8), (512, 64, 5)]
CODERS = [orthogonal_matching_pursuit, matching_pursuit, iterative_hard_thresholding, top_k]
both_selections = pytest.mark.parametrize("selection", ["omp", "ols"])


def pursue(*args, **options):
    """The codes as NumPy arrays."""
    return tuple(map(ops.convert_to_numpy, orthogonal_matching_pursuit(*args, **options)))


def problem(count=COUNT, num_atoms=NUM_ATOMS, dim=DIM):
    """Random signals `(count, dim)` and unit atoms `(num_atoms, dim)`."""
    rng = np.random.default_rng(0)
    dictionary = rng.standard_normal((num_atoms, dim))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    return rng.standard_normal((count, dim)).astype("float32"), dictionary.astype("float32")


def pixels(count):
    """Random RGB pixels `(count, 3)` of a photograph, from 0 to 1."""
    chosen = np.random.default_rng(0).choice(512 * 512, count, replace=False)
    return astronaut().reshape(-1, 3)[chosen].astype("float32") / 255


def palette(count):
    """A dictionary `(count, 3)` of colours: the k-means centres of a photograph's pixels."""
    return KMeans(count, n_init=1, random_state=0).fit(pixels(4000)).cluster_centers_


def dense(indices, coefficients, num_atoms):
    """Codes `(count, num_atoms)` with a zero for every atom that has no part."""
    codes = np.zeros((len(indices), num_atoms))
    np.put_along_axis(codes, indices, coefficients, axis=1)
    return codes


def residuals(signals, dictionary, indices, coefficients):
    """Norms `(count,)` of what the codes leave of the signals, in float64."""
    codes = dense(indices, coefficients, len(dictionary))
    return np.linalg.norm(signals - codes @ np.asarray(dictionary, "float64"), axis=1)


def distinct(indices):
    """Whether no atom occurs twice in a code."""
    return bool((np.diff(np.sort(indices, axis=-1), axis=-1) > 0).all())


def least_squares(signals, dictionary):
    """Dense codes in float64 by all atoms."""
    return np.linalg.lstsq(dictionary.T.astype("float64"), signals.T)[0].T


def scikit_learn(signals, dictionary, sparsity):
    """Dense codes `(count, num_atoms)` by an independent OMP in float64."""
    signals, dictionary = np.asarray(signals, "float64"), np.asarray(dictionary, "float64")
    norms = np.linalg.norm(dictionary, axis=1)
    atoms = dictionary / norms[:, None]
    codes = orthogonal_mp_gram(atoms @ atoms.T, atoms @ signals.T, n_nonzero_coefs=sparsity)
    return codes.reshape(len(atoms), -1).T / norms  # of one signal it makes a vector


def brute_force_ols(signals, dictionary, sparsity):
    """Supports `(count, sparsity)` by trying, at each step, a least-squares fit with every atom."""
    signals, dictionary = np.asarray(signals, "float64"), np.asarray(dictionary, "float64")
    count, num_atoms = len(signals), len(dictionary)
    support = np.empty((count, 0), int)
    for _ in range(sparsity):
        candidates = np.broadcast_to(np.arange(num_atoms)[None, :, None], (count, num_atoms, 1))
        kept = np.broadcast_to(support[:, None], (count, num_atoms, support.shape[1]))
        basis = np.linalg.qr(
            dictionary[np.concatenate([kept, candidates], axis=2)].swapaxes(-1, -2)
        ).Q
        explained = np.sum((signals[:, None, None] @ basis) ** 2, axis=(2, 3))
        np.put_along_axis(explained, support, -1, axis=1)
        support = np.concatenate([support, explained.argmax(axis=1)[:, None]], axis=1)
    return support


def assert_exact(signals, dictionary, sparsity):
    """Same supports as scikit-learn on 99.9 % of signals, residual norms equal within 1e-4."""
    num_atoms = len(dictionary)
    indices, coefficients = pursue(signals, dictionary.astype("float32"), sparsity)
    actual = dense(indices, coefficients, num_atoms)
    expected = scikit_learn(signals, dictionary, sparsity)
    same = ((actual != 0) == (expected != 0)).all(axis=1)
    assert same.mean() >= 0.999

    left = np.linalg.norm(signals - actual @ dictionary, axis=1)[same]
    expected_left = np.linalg.norm(signals - expected @ dictionary, axis=1)[same]
    lengths = np.linalg.norm(signals, axis=1)[same]
    # A residual that vanishes is rounding: there the signal's own norm is the measure.
    scale = np.where(expected_left > 1e-3 * lengths, expected_left, lengths)
    assert (np.abs(left - expected_left) <= 1e-4 * scale).all()


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), SIZES)
def test_codes_random_signals_as_scikit_learn_does(num_atoms, dim, sparsity):
    assert_exact(*problem(COUNT, num_atoms, dim), sparsity)


# scikit-learn warns that black pixels need no atom.
@pytest.mark.filterwarnings("ignore:.*Orthogonal matching pursuit ended prematurely.*")
@pytest.mark.parametrize("sparsity", [1, 2, 3])
@pytest.mark.parametrize("atoms", ["random", "palette"])
def test_codes_pixels_of_a_photograph_as_scikit_learn_does(atoms, sparsity):
    dictionary = palette(16) if atoms == "palette" else problem(0, 16, 3)[1]
    assert_exact(pixels(5000), dictionary, sparsity)


def mean_squared_error(*problem_and_code):
    return np.mean(residuals(*problem_and_code) ** 2)


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), SIZES[1:])
def test_ols_lowers_the_error_most_at_each_step(num_atoms, dim, sparsity):
    signals, dictionary = problem(COUNT, num_atoms, dim)
    omp, ols = (pursue(signals, dictionary, sparsity, selection=name) for name in ("omp", "ols"))
    if num_atoms <= 64:  # trying every atom takes its time
        expected = brute_force_ols(signals[:100], dictionary, sparsity)
        assert (np.sort(ols[0][:100]) == np.sort(expected)).all(axis=1).mean() >= 0.99
    error = mean_squared_error(signals, dictionary, *omp)
    assert mean_squared_error(signals, dictionary, *ols) <= 1.001 * error


def test_ols_errs_no_more_than_omp_on_pixels():
    signals, dictionary = pixels(5000), palette(16).astype("float32")
    omp, ols = (pursue(signals, dictionary, 2, selection=name) for name in ("omp", "ols"))
    error = mean_squared_error(signals, dictionary, *omp)
    assert mean_squared_error(signals, dictionary, *ols) <= 1.001 * error


@pytest.mark.torch_alone
@both_selections
@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), [(1, 1, 1), (9, 3, 5), (20, 12, 4)])
def test_any_code_is_a_least_squares_fit_on_distinct_atoms(
    num_atoms, dim, sparsity, selection, rounding
):
    rng = np.random.default_rng(0)
    # Small integers: ties, duplicate atoms, zero atoms and zero signals all occur.
    dictionary = rng.integers(-1, 2, (num_atoms, dim)).astype("float32")
    signals = rng.integers(-2, 3, (500, dim)).astype("float32")
    indices, coefficients = pursue(signals, dictionary, sparsity, selection=selection)
    assert indices.dtype == "int32"
    assert indices.min() >= 0
    assert indices.max() < num_atoms
    assert distinct(indices)
    # Least squares leaves nothing along the atoms that take part.
    left = signals - dense(indices, coefficients, num_atoms) @ dictionary
    along = np.einsum("nd,nsd->ns", left, dictionary[indices]) * (coefficients != 0)
    tolerance = rounding(dim * sparsity, signals @ dictionary.T)
    np.testing.assert_allclose(along, 0, atol=tolerance)


@both_selections
def test_surplus_atoms_beyond_dim_have_coefficient_zero(selection, rounding):
    signals, dictionary = pixels(5000), palette(16)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    indices, coefficients = pursue(signals, dictionary.astype("float32"), 5, selection=selection)
    assert distinct(indices)
    assert (coefficients[:, 3:] == 0).all()
    assert np.abs(coefficients).max() < 1e3
    left = residuals(signals, dictionary, indices, coefficients)
    np.testing.assert_allclose(left, 0, atol=rounding(3 * 5, coefficients))


@both_selections
def test_rank_deficient_dictionary_gives_the_projection_on_its_span(selection, rounding):
    rng = np.random.default_rng(0)
    dictionary = rng.standard_normal((NUM_ATOMS, 2)) @ rng.standard_normal((2, DIM))
    signals, _ = problem()
    indices, coefficients = pursue(
        signals, dictionary.astype("float32"), SPARSITY, selection=selection
    )
    assert distinct(indices)
    assert ((coefficients != 0).sum(axis=1) <= 2).all()
    span = np.linalg.svd(dictionary).Vh[:2]
    reconstruction = dense(indices, coefficients, NUM_ATOMS) @ dictionary
    lengths = np.linalg.norm(dictionary, axis=1)[indices]
    tolerance = rounding(DIM * SPARSITY, coefficients * lengths)
    np.testing.assert_allclose(reconstruction, signals @ span.T @ span, atol=tolerance)


@both_selections
def test_all_atoms_give_the_full_least_squares_solution(selection, rounding):
    signals, dictionary = problem(200, 4, 6)
    indices, coefficients = pursue(signals, dictionary, 4, selection=selection)
    codes = dense(indices, coefficients, 4)
    expected = least_squares(signals, dictionary)
    np.testing.assert_allclose(codes, expected, atol=rounding(6 * 4, expected))


@both_selections
def test_zero_signals_have_zero_coefficients(selection):
    signals, dictionary = problem()
    signals[::2] = 0
    indices, coefficients = pursue(signals, dictionary, SPARSITY, selection=selection)
    assert distinct(indices)
    assert (coefficients[::2] == 0).all()
    assert (coefficients[1::2] != 0).all()


def copies(dictionary, times, apart):
    """The atoms `times` over, each `apart` times a random vector away from where it was."""
    repeated = np.tile(dictionary, (times, 1))
    noise = np.random.default_rng(1).standard_normal(repeated.shape)
    return (repeated + apart * noise).astype(dictionary.dtype)


@pytest.mark.torch_alone
@both_selections
@pytest.mark.parametrize(
    ("dtype", "apart"),
    [("float32", 0), ("float32", 1e-7), ("float32", 1e-6), ("float64", 0), ("float64", 1e-10)],
)
def test_duplicate_atoms_share_one_coefficient(request, dtype, apart, selection, rounding):
    if dtype == "float64":
        request.getfixturevalue("float64")
    signals, dictionary = (array.astype(dtype) for array in problem(COUNT, 2, DIM))
    duplicates = copies(dictionary, 8, apart)
    indices, coefficients = pursue(signals, duplicates, SPARSITY, selection=selection)
    assert distinct(indices)
    assert ((coefficients != 0).sum(axis=1) <= 2).all()
    codes = dense(indices, coefficients, NUM_ATOMS).reshape(-1, 8, 2).sum(axis=1)
    expected = least_squares(signals, dictionary)
    moved = 10 * apart * np.abs(expected).max()
    tolerance = rounding(DIM * NUM_ATOMS, expected, dtype)
    np.testing.assert_allclose(codes, expected, atol=moved + tolerance)


@both_selections
@pytest.mark.parametrize("apart", [1e-4, 1e-3, 3e-3, 1e-2])
def test_near_duplicate_atoms_are_fitted_by_least_squares_too(apart, selection):
    signals, dictionary = problem(COUNT, 3, 5)
    dictionary = copies(dictionary, 3, apart)
    indices, coefficients = pursue(signals, dictionary, 5, selection=selection)
    assert distinct(indices)
    left = residuals(signals, dictionary, indices, coefficients)
    codes = dense(indices, coefficients, 9)
    for signal, code, norm in zip(signals[:500], codes, left, strict=False):
        atoms = dictionary[code != 0]
        best = np.linalg.norm(signal - least_squares(signal, atoms) @ atoms)
        assert norm <= best + 1e-3 * np.linalg.norm(signal)


def ill_conditioned(num_atoms, dim, condition):
    """Unit atoms with singular values that fall by about `condition`, and signals near them."""
    rng = np.random.default_rng(0)
    rank = min(num_atoms, dim)
    left, right = (np.linalg.qr(rng.standard_normal((n, n))).Q for n in (num_atoms, dim))
    dictionary = left[:, :rank] * np.geomspace(1, 1 / condition, rank) @ right[:rank]
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    signals = rng.standard_normal((300, num_atoms)) @ dictionary
    signals += 0.01 * rng.standard_normal(signals.shape)
    return signals.astype("float32"), dictionary.astype("float32")


@both_selections
@pytest.mark.parametrize("condition", [10, 500, 5000])
@pytest.mark.parametrize(
    ("num_atoms", "dim", "sparsity"),
    [(8, 16, 8), pytest.param(12, 64, 12, marks=pytest.mark.torch_alone)],
)
def test_single_precision_leaves_as_little_as_double_precision(
    request, num_atoms, dim, sparsity, condition, selection
):
    signals, dictionary = ill_conditioned(num_atoms, dim, condition)
    single = residuals(signals, dictionary, *pursue(signals, dictionary, sparsity, None, selection))
    request.getfixturevalue("float64")
    arrays = signals.astype("float64"), dictionary.astype("float64")
    double = residuals(*arrays, *pursue(*arrays, sparsity, None, selection))
    assert (single <= 1.05 * double).all()


@both_selections
def test_an_ill_conditioned_basis_fits_as_well_as_rounded_coefficients_can(selection):
    signals, dictionary = ill_conditioned(8, 8, 500)
    indices, coefficients = pursue(signals, dictionary, 8, selection=selection)
    left = residuals(signals, dictionary, indices, coefficients)
    rounded = np.finfo("float32").eps * np.abs(coefficients).sum(axis=1)
    assert (left <= 10 * rounded).all()


@both_selections
def test_zero_atoms_take_no_part(selection, rounding):
    signals, dictionary = problem()
    dictionary[3:] = 0
    indices, coefficients = pursue(signals, dictionary, SPARSITY, selection=selection)
    codes = dense(indices, coefficients, NUM_ATOMS)
    assert distinct(indices)
    assert (codes[:, 3:] == 0).all()
    expected = least_squares(signals, dictionary[:3])
    np.testing.assert_allclose(codes[:, :3], expected, atol=rounding(DIM * SPARSITY, expected))


@both_selections
def test_coefficients_refer_to_atoms_of_any_length(selection, rounding):
    signals, dictionary = problem()
    indices, coefficients = pursue(signals, dictionary, SPARSITY, selection=selection)
    lengths = 10 ** np.random.default_rng(1).uniform(-3, 3, NUM_ATOMS).astype("float32")
    scaled = pursue(signals, dictionary * lengths[:, None], SPARSITY, selection=selection)
    same = (indices == scaled[0]).all(axis=1)
    assert same.mean() >= 0.999
    tolerance = rounding(DIM * SPARSITY, coefficients)
    actual = scaled[1] * lengths[scaled[0]]
    np.testing.assert_allclose(actual[same], coefficients[same], atol=tolerance)


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1e-6, 1e6, 1e30, 1e37])
def test_code_scales_with_the_signal(scale, rounding):
    signals, dictionary = problem()
    indices, coefficients = pursue(signals, dictionary, SPARSITY)
    scaled = pursue(signals * np.float32(scale), dictionary, SPARSITY)
    same = (indices == scaled[0]).all(axis=1)
    assert same.mean() >= 0.999
    tolerance = rounding(DIM * SPARSITY, coefficients)
    np.testing.assert_allclose(scaled[1][same] / scale, coefficients[same], atol=tolerance)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_tolerance_is_relative_for_long_and_short_signals_too(scale):
    signals, dictionary = problem()
    expected = pursue(signals, dictionary, SPARSITY, tolerance=0.6)[1] != 0
    actual = pursue(signals * np.float32(scale), dictionary, SPARSITY, tolerance=0.6)[1] != 0
    assert (actual == expected).all(axis=1).mean() >= 0.999


@both_selections
def test_tolerance_stops_at_the_first_residual_within_it(selection, rounding):
    signals, dictionary = problem()
    lengths = np.linalg.norm(signals, axis=1)
    to_end, _ = pursue(signals, dictionary, SPARSITY, selection=selection)
    path = [lengths]
    for steps in range(1, SPARSITY + 1):
        basis = np.linalg.qr(dictionary[to_end[:, :steps]].swapaxes(1, 2).astype("float64")).Q
        explained = np.sum((signals[:, None] @ basis) ** 2, axis=(1, 2))
        path.append(np.sqrt(lengths**2 - explained))
    within = np.array(path) <= 0.6 * lengths
    expected = np.where(within.any(axis=0), within.argmax(axis=0), SPARSITY)
    assert len(np.unique(expected)) == SPARSITY

    indices, coefficients = pursue(signals, dictionary, SPARSITY, 0.6, selection)
    taken = coefficients != 0
    assert distinct(indices)
    assert (taken.sum(axis=1) == expected).mean() >= 0.999
    assert (taken == np.sort(taken, axis=1)[:, ::-1]).all()
    assert (indices == to_end)[taken].mean() >= 0.999
    left = residuals(signals, dictionary, indices, coefficients)
    allowed = 0.6 + rounding(DIM * SPARSITY)
    assert ((left <= allowed * lengths) | taken.all(axis=1)).all()


@both_selections
def test_min_gain_stops_at_the_first_atom_that_is_worth_less(selection, rounding):
    signals, dictionary = problem()
    to_end, _ = pursue(signals, dictionary, SPARSITY, selection=selection)
    errors = [np.sum(signals.astype("float64") ** 2, axis=1)]
    for steps in range(1, SPARSITY + 1):
        basis = np.linalg.qr(dictionary[to_end[:, :steps]].swapaxes(1, 2).astype("float64")).Q
        errors.append(errors[0] - np.sum((signals[:, None] @ basis) ** 2, axis=(1, 2)))
    stops = -np.diff(errors, axis=0) < 1.5
    expected = np.where(stops.any(axis=0), stops.argmax(axis=0), SPARSITY)
    assert len(np.unique(expected)) == SPARSITY + 1

    options = {"selection": selection, "min_gain": 1.5}
    indices, coefficients = pursue(signals, dictionary, SPARSITY, **options)
    taken = coefficients != 0
    assert distinct(indices)
    same = taken.sum(axis=1) == expected
    assert same.mean() >= 0.999
    assert (taken == np.sort(taken, axis=1)[:, ::-1]).all()
    # Least squares on the atoms that are left, not on those it would have gone on to.
    left = residuals(signals, dictionary, indices, coefficients)
    least = np.sqrt(np.take_along_axis(np.array(errors), expected[None], axis=0)[0])
    tolerance = rounding(DIM * SPARSITY, signals)
    np.testing.assert_allclose(left[same], least[same], atol=tolerance)


def test_zero_tolerance_goes_on_to_the_end(rounding):
    signals, dictionary = problem()
    indices, coefficients = pursue(signals, dictionary, SPARSITY)
    actual = pursue(signals, dictionary, SPARSITY, tolerance=0.0)
    np.testing.assert_array_equal(actual[0], indices)
    tolerance = rounding(DIM * SPARSITY, coefficients)
    np.testing.assert_allclose(actual[1], coefficients, atol=tolerance)


@pytest.mark.parametrize("tolerance", [1, 1e9])
def test_tolerance_of_the_whole_signal_takes_no_atom(tolerance):
    signals, dictionary = problem(50, 16, 8)
    signals[0] = 0
    indices, coefficients = pursue(signals, dictionary, 2, tolerance=tolerance)
    assert distinct(indices)
    assert (coefficients == 0).all()


@pytest.mark.parametrize(("dtype", "epsilon"), [("float16", 2**-10), ("bfloat16", 2**-7)])
def test_half_precision_is_computed_in_float32_and_returned_as_it_came(rounding, dtype, epsilon):
    signals, dictionary = (ops.cast(array, dtype) for array in problem())
    indices, coefficients = orthogonal_matching_pursuit(signals, dictionary, SPARSITY)
    expected = pursue(ops.cast(signals, "float32"), ops.cast(dictionary, "float32"), SPARSITY)
    assert ops.dtype(coefficients) == dtype
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), expected[0])
    rounded = ops.convert_to_numpy(ops.cast(coefficients, "float32"))
    tolerance = rounding(DIM * SPARSITY, expected[1])
    np.testing.assert_allclose(rounded, expected[1], rtol=epsilon, atol=tolerance)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers_are_coded_as_float32(dtype, rounding):
    signals = np.random.default_rng(0).integers(0, 256, (5000, 3))
    dictionary = problem(0, 16, 3)[1]
    indices, coefficients = pursue(signals.astype(dtype), dictionary, 2)
    assert coefficients.dtype == "float32"
    expected = scikit_learn(signals, dictionary, 2)
    actual = dense(indices, coefficients, 16)
    np.testing.assert_allclose(actual, expected, atol=rounding(3 * 2, expected))


def test_float64_is_computed_in_float64(float64, rounding):
    signals, dictionary = (array.astype("float64") for array in problem())
    indices, coefficients = pursue(signals, dictionary, SPARSITY)
    assert coefficients.dtype == "float64"
    expected = scikit_learn(signals, dictionary, SPARSITY)
    tolerance = rounding(DIM * SPARSITY, expected, "float64")
    np.testing.assert_allclose(dense(indices, coefficients, NUM_ATOMS), expected, atol=tolerance)


@pytest.mark.parametrize("leading", [(), (0,), (2, 0), (2, 3, 4)])
def test_any_leading_shape(leading, rounding):
    signals, dictionary = problem(int(np.prod(leading)), 16, 8)
    indices, coefficients = pursue(signals.reshape(*leading, 8), dictionary, 2)
    assert indices.shape == coefficients.shape == (*leading, 2)
    actual = dense(indices.reshape(-1, 2), coefficients.reshape(-1, 2), 16)
    for signal, code in zip(signals, actual, strict=True):
        expected = scikit_learn(signal[None], dictionary, 2)[0]
        np.testing.assert_allclose(code, expected, atol=rounding(8 * 2, expected))


@both_selections
def test_code_depends_on_nothing_else_in_the_batch(selection):
    signals, dictionary = problem(10 * COUNT)
    indices, coefficients = pursue(signals, dictionary, SPARSITY, selection=selection)
    order = np.random.default_rng(1).permutation(len(signals))
    parts = [
        pursue(signals[part], dictionary, SPARSITY, selection=selection)
        for part in np.split(order, 10)
    ]
    moved = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    same = (np.sort(indices[order]) == np.sort(moved[0])).all(axis=1)
    assert same.mean() >= 0.9999
    np.testing.assert_allclose(
        residuals(signals[order], dictionary, *moved),
        residuals(signals, dictionary, indices, coefficients)[order],
        rtol=1e-5,
    )


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_every_chunk_is_coded(over, rounding):
    num_atoms, dim = 1024, 8
    rows = CHUNK_ENTRIES // num_atoms
    signals, dictionary = problem(2 * rows + over, num_atoms, dim)
    indices, coefficients = pursue(signals, dictionary, 2)
    assert indices.shape == (len(signals), 2)
    borders = np.r_[0, rows - 1 : rows + 2, len(signals) - 2 : len(signals)]
    actual = dense(indices[borders], coefficients[borders], num_atoms)
    expected = scikit_learn(signals[borders], dictionary, 2)
    np.testing.assert_allclose(actual, expected, atol=rounding(dim * 2, expected))


@pytest.mark.parametrize(
    ("num_atoms", "dim", "sparsity", "selection"),
    [(6, 5, 3, "omp"), (6, 5, 3, "ols"), (5, 2, 4, "omp")],
)
def test_gradients_are_those_of_finite_differences(
    float64, assert_gradients, num_atoms, dim, sparsity, selection
):
    rng = np.random.default_rng(3)
    signals, dictionary = rng.standard_normal((2, dim)), rng.standard_normal((num_atoms, dim))
    weights = rng.standard_normal((2, sparsity))

    def weighted_sum(signals, dictionary):
        _, coefficients = orthogonal_matching_pursuit(
            signals, dictionary, sparsity, selection=selection
        )
        return ops.sum(ops.multiply(coefficients, weights))

    assert_gradients(weighted_sum, signals, dictionary)


def test_gradients_are_finite_where_nothing_is_to_be_coded(gradients):
    signals, dictionary = problem(4, 6, 3)
    signals[0], dictionary[1], dictionary[2] = 0, 0, dictionary[3]

    def energy(signals, dictionary):
        return ops.sum(ops.square(orthogonal_matching_pursuit(signals, dictionary, 6)[1]))

    for gradient in gradients(energy, signals, dictionary):
        assert np.isfinite(gradient).all()
        assert (gradient != 0).any()


@pytest.mark.parametrize("batch", ["known", "free"])
def test_compiles(compiled, free_batch, batch, rounding):
    signals, dictionary = problem(400, 32, 12)

    def function(signals):
        return orthogonal_matching_pursuit(signals, dictionary, 2)

    function = compiled(function) if batch == "known" else free_batch(function, 12)
    actual = dense(*map(ops.convert_to_numpy, function(ops.convert_to_tensor(signals))), 32)
    expected = scikit_learn(signals, dictionary, 2)
    tolerance = rounding(12 * 2, expected)
    assert np.isclose(actual, expected, atol=tolerance).all(axis=1).mean() >= 0.99


@both_selections
def test_compiles_with_tolerance(compiled, selection, rounding):
    signals, dictionary = problem(400, 32, 12)
    function = compiled(
        lambda signals: orthogonal_matching_pursuit(signals, dictionary, 2, 0.6, selection)
    )
    code = function(ops.convert_to_tensor(signals))
    indices, coefficients = map(ops.convert_to_numpy, code)
    taken = (coefficients != 0).all(axis=1)
    left = residuals(signals, dictionary, indices, coefficients)
    assert 0 < taken.mean() < 1
    allowed = 0.6 + rounding(12 * 2)
    assert ((left <= allowed * np.linalg.norm(signals, axis=1)) | taken).all()


@pytest.mark.parametrize(
    "change",
    [
        {"sparsity": 0},
        {"sparsity": -1},
        {"sparsity": 9},
        {"sparsity": 1.5},
        {"sparsity": True},
        {"signals": np.ones((4, 5))},
        {"signals": np.ones(())},
        {"dictionary": np.ones(6)},
        {"dictionary": np.ones((1, 8, 6))},
        {"selection": "best"},
        {"tolerance": -0.1},
        {"tolerance": float("nan")},
        {"tolerance": [0.1, 0.2]},
        {"min_gain": -1.0},
        {"min_gain": np.ones((4, 1))},
    ],
    ids=str,
)
def test_invalid_arguments_are_value_errors(change):
    arguments = {"signals": np.ones((4, 6)), "dictionary": np.eye(8, 6), "sparsity": 2}
    with pytest.raises(ValueError, match=f"`{next(iter(change))}`"):
        orthogonal_matching_pursuit(**{**arguments, **change})


@pytest.mark.parametrize("name", ["signals", "dictionary"])
@pytest.mark.parametrize("coder", [orthogonal_matching_pursuit, top_k])
def test_complex_numbers_are_type_errors(coder, name):
    arguments = {"signals": np.ones((4, 6), "float32"), "dictionary": np.eye(8, 6)}
    arguments[name] = arguments[name].astype("complex64")
    with pytest.raises(TypeError, match=f"`{name}` must be real"):
        coder(**arguments, sparsity=2)


def test_limits_may_be_traced(compiled):
    signals, dictionary = map(ops.convert_to_tensor, problem())

    @compiled
    def traced(tolerance, min_gain):
        return orthogonal_matching_pursuit(
            signals, dictionary, SPARSITY, tolerance, "omp", min_gain
        )

    limits = [(0.6, 0.0), (1.0, 0.0), (0.0, 1.5)]
    for tolerance, min_gain in limits:
        actual = traced(*(ops.convert_to_tensor(x, "float32") for x in (tolerance, min_gain)))
        expected = pursue(signals, dictionary, SPARSITY, tolerance, min_gain=min_gain)
        assert ((ops.convert_to_numpy(actual[1]) != 0) == (expected[1] != 0)).mean() >= 0.999


@pytest.mark.skipif(backend.backend() != "tensorflow", reason="graphs of TensorFlow alone")
def test_shapes_that_are_not_known():
    import tensorflow as tf

    signals, dictionary = problem()

    def code(signature, dictionary_signature=None):
        signatures = [tf.TensorSpec(signature, tf.float32)]
        signatures += [tf.TensorSpec(dictionary_signature or dictionary.shape, tf.float32)]
        function = tf.function(
            lambda x, d: orthogonal_matching_pursuit(x, d, SPARSITY), input_signature=signatures
        )
        return function(signals, dictionary)

    expected, _ = pursue(signals, dictionary, SPARSITY)
    assert (code((None, None))[0].numpy() == expected).mean() > 0.99
    with pytest.raises(ValueError, match=r"`signals` must have a known number of axes"):
        code(None)
    with pytest.raises(ValueError, match=r"`dictionary` must have known sizes"):
        code((None, DIM), (None, DIM))


@pytest.mark.torch_alone
@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.__name__)
def test_vectorised_by_torch(coder, rounding):
    import torch

    signals, dictionary = (torch.from_numpy(array) for array in problem(12))
    stacked = signals.reshape(3, 4, DIM)
    expected = [part.numpy() for part in coder(stacked, dictionary, SPARSITY)]
    tolerance = rounding(DIM * SPARSITY, expected[1])
    both = torch.func.vmap(lambda x: coder(x, dictionary, SPARSITY))(stacked)
    each = torch.func.vmap(lambda d: coder(stacked, d, SPARSITY))(dictionary[None])
    for indices, coefficients in (both, [part[0] for part in each]):
        np.testing.assert_array_equal(indices.numpy(), expected[0])
        np.testing.assert_allclose(coefficients.numpy(), expected[1], atol=tolerance)


@pytest.mark.torch_alone
@pytest.mark.parametrize("coder", CODERS, ids=lambda coder: coder.__name__)
def test_compiled_by_torch_in_one_graph(coder, rounding):
    import torch

    signals, dictionary = (torch.from_numpy(array) for array in problem(12))

    def loss(signals, dictionary):
        return coder(signals, dictionary, SPARSITY)[1].square().sum()

    results = []
    # Without the C++ compiler, which takes its time; what is traced is the same.
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        inputs = [part.clone().requires_grad_() for part in (signals, dictionary)]
        value = function(*inputs)
        value.backward()
        results.append([value.item(), *(part.grad.numpy() for part in inputs)])
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(
            actual, expected, atol=rounding(DIM * SPARSITY * len(signals), expected)
        )


@pytest.mark.torch_alone
@both_selections
@pytest.mark.parametrize(("tolerance", "min_gain"), [(None, None), (0.6, None), (None, 1.5)])
@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), SIZES)
def test_torch_layout_chooses_as_the_plain_path_does(
    monkeypatch, num_atoms, dim, sparsity, tolerance, min_gain, selection, rounding
):
    import torch

    from umbed_keras.ops.sparse_coding import _torch_pursuit
    from umbed_keras.ops.sparse_coding.orthogonal_matching_pursuit import _choose, _Factors

    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    limits = [x if x is None else torch.tensor(x) for x in (min_gain, tolerance)]
    # An odd number of signals, which threads can't share, and an even one.
    for count in (COUNT, COUNT + 1):
        signals, atoms = map(ops.convert_to_tensor, problem(count, num_atoms, dim))
        actual = []
        for choose in (_choose, _torch_pursuit.choose):
            factors = _Factors()
            norms = ops.ones(num_atoms)
            choose(factors, signals, atoms, norms, *limits, sparsity, selection)
            parts = factors.indices, factors.coefficients()
            actual.append([ops.convert_to_numpy(ops.stack(part)) for part in parts])
        (indices, coefficients), (torch_indices, torch_coefficients) = actual
        taken = coefficients != 0
        same = ((indices == torch_indices) | ~taken).all(axis=0)
        assert same.mean() >= 0.999
        np.testing.assert_allclose(
            torch_coefficients[:, same],
            coefficients[:, same],
            atol=rounding(dim * sparsity, coefficients),
        )


@pytest.mark.parametrize("num_atoms", [1, 7, 16, 64, 100, 512])
def test_largest_is_the_first_maximum_of_each_row(num_atoms):
    scores = np.random.default_rng(0).integers(0, 40, (500, num_atoms)).astype("float32")
    actual = ops.convert_to_numpy(largest(ops.convert_to_tensor(scores)))
    np.testing.assert_array_equal(actual, scores.argmax(axis=1))


@pytest.mark.parametrize(("num_atoms", "sparsity"), [(4, 4), (9, 5), (300, 6)])
def test_repeated_indices_give_way_to_free_ones(num_atoms, sparsity):
    drawn = np.random.default_rng(0).integers(0, num_atoms, (sparsity, 2000)).astype("int32")
    drawn[:, 0] = 0
    firsts = [[value not in code[:step] for step, value in enumerate(code)] for code in drawn.T]
    firsts = np.array(firsts).T
    ways = [_distinct]
    if backend.backend() == "torch":
        from umbed_keras.ops.sparse_coding import _torch_pursuit

        ways.append(_torch_pursuit.distinct)
    for way in ways:
        actual = ops.convert_to_numpy(way(ops.convert_to_tensor(drawn)))
        assert distinct(actual.T)
        assert actual.min() >= 0
        assert actual.max() < num_atoms
        np.testing.assert_array_equal(actual[firsts], drawn[firsts])


def test_the_number_of_signals_may_be_unknown(free_batch):
    signals, dictionary = problem()
    coder = free_batch(lambda x: orthogonal_matching_pursuit(x, dictionary, SPARSITY), DIM)
    indices, _ = coder(ops.convert_to_tensor(signals))
    expected, _ = pursue(signals, dictionary, SPARSITY)
    assert (ops.convert_to_numpy(indices) == expected).mean() > 0.99


def test_symbolic_signals_give_symbolic_codes():
    indices, coefficients = orthogonal_matching_pursuit(keras.Input((DIM,)), problem()[1], SPARSITY)
    assert indices.shape == coefficients.shape == (None, SPARSITY)
    assert indices.dtype == "int32"
