"""Against scikit-learn in float64, least squares, and the definition of the algorithm."""

import numpy as np
import pytest
from keras import ops
from skimage.data import astronaut
from sklearn.cluster import KMeans
from sklearn.linear_model import orthogonal_mp_gram

from umbed_keras.ops import orthogonal_matching_pursuit
from umbed_keras.ops._chunked import CHUNK_ENTRIES

# num_atoms, dim, sparsity
SIZES = [(16, 3, 3), (16, 16, 4), (64, 16, 8), (512, 64, 5)]
both_selections = pytest.mark.parametrize("selection", ["omp", "ols"])


def pursue(*args, **options):
    """The codes as NumPy arrays."""
    return tuple(map(ops.convert_to_numpy, orthogonal_matching_pursuit(*args, **options)))


def problem(count, num_atoms, dim, seed=0):
    """Random signals `(count, dim)` and unit atoms `(num_atoms, dim)`."""
    rng = np.random.default_rng(seed)
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
    return bool((np.diff(np.sort(indices, axis=-1), axis=-1) > 0).all())


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
    found = dense(indices, coefficients, num_atoms)
    expected = scikit_learn(signals, dictionary, sparsity)
    same = ((found != 0) == (expected != 0)).all(axis=1)
    assert same.mean() >= 0.999

    left = np.linalg.norm(signals - found @ dictionary, axis=1)[same]
    expected_left = np.linalg.norm(signals - expected @ dictionary, axis=1)[same]
    lengths = np.linalg.norm(signals, axis=1)[same]
    # A residual that vanishes is rounding: there the signal's own norm is the measure.
    scale = np.where(expected_left > 1e-3 * lengths, expected_left, lengths)
    assert (np.abs(left - expected_left) <= 1e-4 * scale).all()


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), SIZES)
def test_codes_random_signals_as_scikit_learn_does(num_atoms, dim, sparsity):
    assert_exact(*problem(3000, num_atoms, dim), sparsity)


# scikit-learn warns that black pixels need no atom.
@pytest.mark.filterwarnings("ignore:.*Orthogonal matching pursuit ended prematurely.*")
@pytest.mark.parametrize("sparsity", [1, 2, 3])
@pytest.mark.parametrize("atoms", ["random", "palette"])
def test_codes_pixels_of_a_photograph_as_scikit_learn_does(atoms, sparsity):
    dictionary = palette(16) if atoms == "palette" else problem(0, 16, 3)[1]
    assert_exact(pixels(5000), dictionary, sparsity)


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), [(16, 3, 2), (16, 16, 4), (64, 16, 5)])
def test_ols_takes_the_atom_that_lowers_the_error_most(num_atoms, dim, sparsity):
    signals, dictionary = problem(300, num_atoms, dim)
    indices, _ = pursue(signals, dictionary, sparsity, selection="ols")
    expected = brute_force_ols(signals, dictionary, sparsity)
    assert (np.sort(indices) == np.sort(expected)).all(axis=1).mean() >= 0.99


@pytest.mark.parametrize(("num_atoms", "dim", "sparsity"), [(16, 3, 2), *SIZES[1:]])
def test_ols_errs_no_more_than_omp(num_atoms, dim, sparsity):
    signals, dictionary = problem(3000, num_atoms, dim)
    errors = {
        selection: np.mean(
            residuals(
                signals,
                dictionary,
                *pursue(signals, dictionary, sparsity, selection=selection),
            )
            ** 2
        )
        for selection in ("omp", "ols")
    }
    assert errors["ols"] <= 1.001 * errors["omp"]


def test_ols_errs_no_more_than_omp_on_pixels():
    signals, dictionary = pixels(5000), palette(16).astype("float32")
    omp, ols = (
        residuals(signals, dictionary, *pursue(signals, dictionary, 2, selection=selection))
        for selection in ("omp", "ols")
    )
    assert np.mean(ols**2) <= 1.001 * np.mean(omp**2)


@both_selections
@pytest.mark.parametrize("seed", range(6))
def test_any_code_is_a_least_squares_fit_on_distinct_atoms(seed, selection):
    rng = np.random.default_rng(seed)
    num_atoms, dim = rng.integers(1, 24, 2)
    # Small integers: ties, duplicate atoms, zero atoms and zero signals all occur.
    dictionary = rng.integers(-1, 2, (num_atoms, dim)).astype("float32")
    signals = rng.integers(-2, 3, (200, dim)).astype("float32")
    sparsity = int(rng.integers(1, min(num_atoms, 8) + 1))
    indices, coefficients = pursue(signals, dictionary, sparsity, selection=selection)
    assert indices.dtype == "int32"
    assert indices.min() >= 0
    assert indices.max() < num_atoms
    assert distinct(indices)
    # Least squares leaves nothing along the atoms that take part.
    left = signals - dense(indices, coefficients, num_atoms) @ dictionary
    along = np.einsum("nd,nsd->ns", left, dictionary[indices]) * (coefficients != 0)
    np.testing.assert_allclose(along, 0, atol=1e-4)


@both_selections
def test_surplus_atoms_beyond_dim_have_coefficient_zero(selection):
    signals, dictionary = pixels(2000), palette(16)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    indices, coefficients = pursue(signals, dictionary.astype("float32"), 6, selection=selection)
    assert distinct(indices)
    assert (coefficients[:, 3:] == 0).all()
    assert np.abs(coefficients).max() < 1e3
    np.testing.assert_allclose(residuals(signals, dictionary, indices, coefficients), 0, atol=1e-4)


@both_selections
def test_rank_deficient_dictionary_gives_the_projection_on_its_span(selection):
    rng = np.random.default_rng(0)
    dictionary = (rng.standard_normal((12, 2)) @ rng.standard_normal((2, 6))).astype("float32")
    signals = rng.standard_normal((300, 6)).astype("float32")
    indices, coefficients = pursue(signals, dictionary, 5, selection=selection)
    assert distinct(indices)
    assert ((coefficients != 0).sum(axis=1) <= 2).all()
    span = np.linalg.svd(dictionary.astype("float64")).Vh[:2]
    projected = signals @ span.T @ span
    reconstruction = dense(indices, coefficients, 12) @ dictionary
    np.testing.assert_allclose(reconstruction, projected, atol=1e-4)


@both_selections
def test_all_atoms_give_the_full_least_squares_solution(selection):
    signals, dictionary = problem(200, 6, 9)
    indices, coefficients = pursue(signals, dictionary, 6, selection=selection)
    expected = np.linalg.lstsq(dictionary.T.astype("float64"), signals.T)[0].T
    np.testing.assert_allclose(dense(indices, coefficients, 6), expected, atol=1e-5)


@both_selections
def test_zero_signals_have_zero_coefficients(selection):
    signals, dictionary = problem(6, 16, 8)
    signals[::2] = 0
    indices, coefficients = pursue(signals, dictionary, 4, selection=selection)
    assert distinct(indices)
    assert (coefficients[::2] == 0).all()
    assert (coefficients[1::2] != 0).all()


def with_twins(dictionary, apart):
    """Each atom twice, the second `apart` times a random vector away from the first."""
    noise = np.random.default_rng(1).standard_normal(dictionary.shape)
    return np.concatenate([dictionary, dictionary + apart * noise]).astype(dictionary.dtype)


@both_selections
@pytest.mark.parametrize(
    ("dtype", "apart"),
    [("float32", 0), ("float32", 1e-7), ("float32", 1e-6), ("float64", 0), ("float64", 1e-9)],
)
def test_duplicate_atoms_share_one_coefficient(float64, dtype, apart, selection):
    signals, dictionary = (array.astype(dtype) for array in problem(500, 6, 8))
    indices, coefficients = pursue(signals, with_twins(dictionary, apart), 10, selection=selection)
    codes = dense(indices, coefficients, 12)
    assert distinct(indices)
    assert (codes[:, :6] * codes[:, 6:] == 0).all()
    expected = np.linalg.lstsq(dictionary.T.astype("float64"), signals.T)[0].T
    np.testing.assert_allclose(codes[:, :6] + codes[:, 6:], expected, atol=1e-3)


@both_selections
@pytest.mark.parametrize("apart", [1e-4, 1e-3, 3e-3, 1e-2])
def test_near_duplicate_atoms_are_fitted_by_least_squares_too(apart, selection):
    signals, dictionary = problem(500, 6, 8)
    twins = with_twins(dictionary, apart)
    indices, coefficients = pursue(signals, twins, 10, selection=selection)
    assert distinct(indices)
    left = residuals(signals, twins, indices, coefficients)
    for signal, code, found in zip(signals, dense(indices, coefficients, 12), left, strict=True):
        atoms = twins[code != 0].T.astype("float64")
        best = np.linalg.norm(signal - atoms @ np.linalg.lstsq(atoms, signal)[0])
        assert found <= best + 1e-3 * np.linalg.norm(signal)


@both_selections
def test_zero_atoms_take_no_part(selection):
    signals, dictionary = problem(100, 6, 8)
    dictionary[[1, 4]] = 0
    indices, coefficients = pursue(signals, dictionary, 6, selection=selection)
    codes = dense(indices, coefficients, 6)
    assert distinct(indices)
    assert (codes[:, [1, 4]] == 0).all()
    expected = np.linalg.lstsq(dictionary.T.astype("float64"), signals.T)[0].T
    np.testing.assert_allclose(codes, expected, atol=1e-5)


@both_selections
def test_coefficients_refer_to_atoms_of_any_length(selection):
    signals, dictionary = problem(1000, 32, 8)
    lengths = 10 ** np.random.default_rng(1).uniform(-3, 3, 32).astype("float32")
    indices, coefficients = pursue(signals, dictionary, 4, selection=selection)
    scaled = dictionary * lengths[:, None]
    scaled_indices, scaled_coefficients = pursue(signals, scaled, 4, selection=selection)
    same = (indices == scaled_indices).all(axis=1)
    assert same.mean() >= 0.999
    np.testing.assert_allclose(
        (scaled_coefficients * lengths[scaled_indices])[same], coefficients[same], atol=1e-5
    )


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_code_scales_with_the_signal(scale):
    signals, dictionary = problem(1000, 32, 8)
    indices, coefficients = pursue(signals, dictionary, 4)
    scaled_indices, scaled_coefficients = pursue(signals * np.float32(scale), dictionary, 4)
    same = (indices == scaled_indices).all(axis=1)
    assert same.mean() >= 0.999
    np.testing.assert_allclose(scaled_coefficients[same] / scale, coefficients[same], atol=1e-5)


@both_selections
def test_tolerance_stops_at_the_first_residual_within_it(selection):
    signals, dictionary = problem(1000, 32, 12)
    lengths = np.linalg.norm(signals, axis=1)
    full, _ = pursue(signals, dictionary, 6, selection=selection)
    path = [lengths]
    for steps in range(1, 7):
        basis = np.linalg.qr(dictionary[full[:, :steps]].swapaxes(1, 2).astype("float64")).Q
        explained = np.sum((signals[:, None] @ basis) ** 2, axis=(1, 2))
        path.append(np.sqrt(np.maximum(lengths**2 - explained, 0)))
    within = np.array(path) <= 0.4 * lengths
    expected = np.where(within.any(axis=0), within.argmax(axis=0), 6)

    indices, coefficients = pursue(signals, dictionary, 6, 0.4, selection)
    taken = coefficients != 0
    assert distinct(indices)
    assert len(np.unique(expected)) > 2
    assert (taken.sum(axis=1) == expected).mean() >= 0.999
    assert (taken == np.sort(taken, axis=1)[:, ::-1]).all()
    assert (indices == full)[taken].mean() >= 0.999
    left = residuals(signals, dictionary, indices, coefficients)
    assert ((left <= 0.4001 * lengths) | taken.all(axis=1)).all()


@both_selections
def test_zero_tolerance_goes_on_to_the_end(selection):
    signals, dictionary = problem(500, 16, 8)
    indices, coefficients = pursue(signals, dictionary, 4, selection=selection)
    to_end = pursue(signals, dictionary, 4, tolerance=0.0, selection=selection)
    np.testing.assert_array_equal(to_end[0], indices)
    np.testing.assert_allclose(to_end[1], coefficients, atol=1e-5)


@pytest.mark.parametrize("tolerance", [1, 1.5, 1e9, float("inf")])
def test_tolerance_of_the_whole_signal_takes_no_atom(tolerance):
    signals, dictionary = problem(50, 16, 8)
    signals[0] = 0
    indices, coefficients = pursue(signals, dictionary, 4, tolerance=tolerance)
    assert distinct(indices)
    assert (coefficients == 0).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32_and_returned_as_it_came(dtype):
    signals, dictionary = (ops.cast(array, dtype) for array in problem(300, 16, 8))
    indices, coefficients = orthogonal_matching_pursuit(signals, dictionary, 4)
    expected = pursue(ops.cast(signals, "float32"), ops.cast(dictionary, "float32"), 4)
    assert ops.dtype(coefficients) == dtype
    np.testing.assert_array_equal(ops.convert_to_numpy(indices), expected[0])
    rounded = ops.convert_to_numpy(ops.cast(coefficients, "float32"))
    np.testing.assert_allclose(rounded, expected[1], rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_integers_are_coded_as_float32(dtype):
    signals = np.random.default_rng(0).integers(0, 256, (300, 3))
    dictionary = problem(0, 16, 3)[1]
    indices, coefficients = pursue(signals.astype(dtype), dictionary, 2)
    assert coefficients.dtype == "float32"
    expected = scikit_learn(signals, dictionary, 2)
    np.testing.assert_allclose(dense(indices, coefficients, 16), expected, rtol=1e-3, atol=1e-3)


def test_float64_is_computed_in_float64(float64):
    signals, dictionary = (array.astype("float64") for array in problem(500, 64, 16))
    indices, coefficients = pursue(signals, dictionary, 8)
    assert coefficients.dtype == "float64"
    np.testing.assert_allclose(
        dense(indices, coefficients, 64), scikit_learn(signals, dictionary, 8), atol=1e-11
    )


@pytest.mark.parametrize("leading", [(), (1,), (0,), (2, 0), (5,), (2, 3, 4)])
def test_any_leading_shape(leading):
    signals, dictionary = problem(int(np.prod(leading)), 16, 8)
    indices, coefficients = pursue(signals.reshape(*leading, 8), dictionary, 3)
    assert indices.shape == coefficients.shape == (*leading, 3)
    found = dense(indices.reshape(-1, 3), coefficients.reshape(-1, 3), 16)
    for signal, code in zip(signals, found, strict=True):
        np.testing.assert_allclose(code, scikit_learn(signal[None], dictionary, 3)[0], atol=1e-5)


@both_selections
def test_code_depends_on_nothing_else_in_the_batch(selection):
    signals, dictionary = problem(20_000, 16, 16)
    indices, coefficients = pursue(signals, dictionary, 4, selection=selection)
    order = np.random.default_rng(1).permutation(len(signals))
    parts = [
        pursue(signals[part], dictionary, 4, selection=selection)
        for part in np.split(order, [1, 3, 500, 7001])
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
def test_every_chunk_is_coded(over):
    num_atoms, dim = 1024, 8
    signals, dictionary = problem(2 * CHUNK_ENTRIES // num_atoms + over, num_atoms, dim)
    indices, coefficients = pursue(signals, dictionary, 2)
    assert indices.shape == (len(signals), 2)
    borders = np.r_[0, 1023:1026, len(signals) - 2 : len(signals)]
    np.testing.assert_allclose(
        dense(indices[borders], coefficients[borders], num_atoms),
        scikit_learn(signals[borders], dictionary, 2),
        atol=1e-5,
    )


@both_selections
@pytest.mark.parametrize(
    ("num_atoms", "dim", "sparsity"), [(6, 5, 3), (5, 2, 4)], ids=["usual", "more atoms than dim"]
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


@both_selections
@pytest.mark.parametrize("batch", ["known", "free"])
def test_compiles(compiled, free_batch, batch, selection):
    signals, dictionary = problem(400, 32, 12)

    def function(signals):
        return orthogonal_matching_pursuit(signals, dictionary, 3, 0.1, selection)

    function = compiled(function) if batch == "known" else free_batch(function, 12)
    indices, coefficients = map(ops.convert_to_numpy, function(ops.convert_to_tensor(signals)))
    if selection == "ols":
        expected = brute_force_ols(signals, dictionary, 3)
    else:
        expected = np.argsort(scikit_learn(signals, dictionary, 3) == 0, axis=1)[:, :3]
    assert (np.sort(indices) == np.sort(expected)).all(axis=1).mean() >= 0.99
    basis = np.linalg.qr(dictionary[indices].swapaxes(1, 2).astype("float64")).Q
    explained = np.sum((signals[:, None] @ basis) ** 2, axis=(1, 2))
    left = residuals(signals, dictionary, indices, coefficients)
    np.testing.assert_allclose(left**2, np.sum(signals**2, axis=1) - explained, rtol=1e-3)


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
    ],
    ids=str,
)
def test_invalid_arguments_are_value_errors(change):
    arguments = {"signals": np.ones((4, 6)), "dictionary": np.eye(8, 6), "sparsity": 2}
    with pytest.raises(ValueError, match=f"`{next(iter(change))}`"):
        orthogonal_matching_pursuit(**{**arguments, **change})
