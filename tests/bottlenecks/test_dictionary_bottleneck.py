import keras
import numpy as np
import pytest
import skimage.data
from keras import ops
from scipy.stats import entropy
from sklearn.decomposition import PCA, MiniBatchDictionaryLearning
from sklearn.linear_model import orthogonal_mp

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck

ATOMS, DIM, SPARSITY = 24, 12, 3
COMPILED = keras.backend.backend() != "torch"
numpy = ops.convert_to_numpy
each_update = pytest.mark.parametrize("update", ["online", "gradient"])
each_law = pytest.mark.parametrize("law", ["uniform", "mu_law"])


class Coding(keras.Model):
    """Trains nothing but the dictionary, on the loss that the layer returns."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs, training=False):
        outputs = self.layer(inputs, training=training)
        return outputs["latents"]


def make(**kwargs):
    layer = DictionaryBottleneck(ATOMS, DIM, SPARSITY, **kwargs)
    layer.build()
    return layer


def signals(n=1000, seed=0):
    """Sparse in some dictionary, with a little noise."""
    rng = np.random.default_rng(seed)
    atoms = np.random.default_rng(42).normal(size=(ATOMS, DIM))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.laplace(size=(n, ATOMS)) * (rng.random((n, ATOMS)).argsort(axis=1) < SPARSITY)
    return (codes @ atoms + 0.02 * rng.normal(size=(n, DIM))).astype("float32")


def float64_codes(latents, dictionary):
    """Orthogonal matching pursuit step by step: `(n, atoms)`."""
    latents, dictionary = latents.astype("float64"), dictionary.astype("float64")
    residuals, support = latents, np.empty((len(latents), 0), int)
    for _ in range(SPARSITY):
        best = np.abs(residuals @ dictionary.T).argmax(axis=1)
        support = np.column_stack([support, best])
        atoms = dictionary[support]
        gram = atoms @ atoms.transpose(0, 2, 1)
        coefficients = np.linalg.solve(gram, atoms @ latents[..., None])[..., 0]
        residuals = latents - np.einsum("ns,nsd->nd", coefficients, atoms)
    codes = np.zeros((len(latents), len(dictionary)))
    np.put_along_axis(codes, support, coefficients, axis=1)
    return codes


def coding_error(latents, dictionary):
    dictionary = numpy(dictionary).astype("float64")
    return np.mean((latents - float64_codes(latents, dictionary) @ dictionary) ** 2)


def dense(codes):
    """Codes as `(n, atoms)`."""
    indices, coefficients = numpy(codes["indices"]), numpy(codes["coefficients"])
    assert all(len(set(row)) == len(row) for row in indices)
    result = np.zeros((len(indices), ATOMS))
    np.put_along_axis(result, indices, coefficients, axis=1)
    return result


def fit(layer, latents, epochs=10, learning_rate=0.02):
    keras.utils.set_random_seed(0)
    model = Coding(layer)
    model.compile(keras.optimizers.Adam(learning_rate), jit_compile=COMPILED)
    model.fit(latents, batch_size=100, epochs=epochs, verbose=0)


def gradient(function, values):
    """Of a scalar function of an array; what `function` assigns is dropped."""

    def scalar(tensor):
        with keras.StatelessScope():
            return function(tensor)

    if keras.backend.backend() == "jax":
        import jax

        return numpy(jax.grad(scalar)(values))
    if keras.backend.backend() == "torch":
        tensor = ops.convert_to_tensor(values).requires_grad_()
        scalar(tensor).backward()
        return numpy(tensor.grad)
    import tensorflow as tf

    tensor = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        result = scalar(tensor)
    return numpy(tape.gradient(result, tensor))


@pytest.fixture
def assert_unit_length(rounding):
    """`assert_unit_length(layer)`: its atoms are."""

    def check(layer):
        lengths = np.linalg.norm(numpy(layer.dictionary).astype("float64"), axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=rounding(DIM))

    return check


@each_update
def test_codes_are_those_of_float64_pursuit(update, rounding):
    layer, latents = make(update=update), signals()
    layer(latents, training=True)
    dictionary = numpy(layer.dictionary)
    codes = layer.encode(latents)
    ours = dense(codes)
    exact = dictionary.astype("float64"), latents.astype("float64")
    reference = orthogonal_mp(exact[0].T, exact[1].T, n_nonzero_coefs=SPARSITY).T
    same = np.all((ours != 0) == (reference != 0), axis=1)
    assert np.mean(same) >= 0.999
    tolerance = rounding(DIM * SPARSITY, reference)
    np.testing.assert_allclose(ours[same], reference[same], atol=tolerance)
    rebuilt, expected = numpy(layer.decode(codes)), reference @ dictionary
    np.testing.assert_allclose(rebuilt[same], expected[same], atol=tolerance)


def test_selection_by_error_decrease_codes_closer():
    latents = signals()
    errors = [
        np.mean((latents - numpy(make(selection=name)(latents)["latents"])) ** 2)
        for name in ("ols", "omp")
    ]
    assert errors[0] < errors[1]


@pytest.mark.parametrize(("update", "weight"), [("online", 0.25), ("gradient", 1.25)])
def test_loss_is_the_mean_squared_coding_error(update, weight):
    layer, latents = make(update=update, commitment_weight=0.25), signals()
    expected = weight * coding_error(latents, layer.dictionary)
    # A signal between two atoms may fall the other way, which hardly changes its error.
    np.testing.assert_allclose(numpy(layer(latents)["loss"]), expected, rtol=1e-3)


@each_update
def test_dictionary_learns_and_keeps_unit_length(assert_unit_length, update):
    layer, latents = make(update=update, decay=0.9), signals()
    assert_unit_length(layer)
    before = coding_error(latents, layer.dictionary)
    fit(layer, latents)
    assert_unit_length(layer)
    assert coding_error(latents, layer.dictionary) < 0.6 * before


@each_update
@pytest.mark.parametrize("bits", [None, 6])
def test_gradient_of_latents(update, bits):
    layer, latents = make(update=update, coefficient_bits=bits), signals(100)
    upstream = ops.convert_to_tensor(signals(100, seed=1))
    for function in (
        lambda x: ops.sum(upstream * layer(x, training=True)["latents"]),
        lambda x: layer(x, training=True)["loss"],
    ):
        slopes = gradient(function, latents)
        assert np.isfinite(slopes).all()
        assert np.all(np.abs(slopes).max(axis=1) > 1e-8)


def test_gradient_of_zero_latents_is_finite():
    layer = make()
    zeros = np.zeros((4, DIM), "float32")
    slopes = gradient(lambda x: ops.sum(layer(x, training=True)["latents"]), zeros)
    assert np.isfinite(slopes).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_adapt_is_as_good_as_scikit_learn_on_a_photograph():
    image = skimage.data.astronaut() / 255
    corners = np.random.default_rng(0).integers(500, size=(2000, 2))
    patches = [image[row : row + 8, col : col + 8].ravel() for row, col in corners]
    latents = PCA(DIM).fit_transform(patches).astype("float32")
    train, held_out = np.split(latents, 2)
    reference = MiniBatchDictionaryLearning(
        ATOMS, alpha=0.1, fit_algorithm="cd", batch_size=100, max_iter=3, random_state=0
    )
    reference = reference.fit(train).components_
    layer = make()
    layer.adapt(train)
    for part in (train, held_out):
        assert coding_error(part, layer.dictionary) <= 1.05 * coding_error(part, reference)


def alternation_errors(train, held_out):
    """Errors of the method of optimal directions in float64, from signals chosen at random."""
    errors = []
    for seed in range(3):
        atoms = np.random.default_rng(seed).choice(train, ATOMS, replace=False)
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        for _ in range(15):
            atoms = np.linalg.lstsq(float64_codes(train, atoms), train)[0]
            atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        errors.append(coding_error(held_out, atoms))
    return errors


@each_update
def test_adapt_is_as_good_as_a_random_start_on_sparse_signals(assert_unit_length, update):
    train, held_out = signals(1000), signals(1000, seed=1)
    layer = make(update=update)
    untrained = coding_error(held_out, layer.dictionary)
    layer.adapt(train)
    assert_unit_length(layer)
    error = coding_error(held_out, layer.dictionary)
    assert error <= 1.05 * np.median(alternation_errors(train, held_out))
    assert error <= 0.5 * untrained


@pytest.mark.torch_alone
def test_adapt_in_batches_is_as_good_as_alternation_on_all_signals():
    train, held_out = signals(20000), signals(1000, seed=1)
    errors = []
    for seed in range(3):
        layer = make(seed=seed)
        layer.adapt(train)
        errors.append(coding_error(held_out, layer.dictionary))
    # Both end in local optima, whose errors differ by a factor of two: means of three vary by 15 %.
    assert np.mean(errors) <= 1.3 * np.mean(alternation_errors(train, held_out))


@pytest.mark.parametrize("count", [1000, 5000])
def test_adapt_depends_on_the_seed_alone(count):
    latents, dictionaries = signals(count), []
    for seed in (0, 0, 1):
        layer = make(seed=seed)
        layer.adapt(latents)
        dictionaries.append(numpy(layer.dictionary))
    np.testing.assert_array_equal(dictionaries[0], dictionaries[1])
    assert np.abs(dictionaries[0] - dictionaries[2]).max() > 0.01


def test_adapt_takes_fewer_vectors_than_atoms(rounding, assert_unit_length):
    layer, latents = make(), signals(5)
    layer.adapt(latents)
    assert_unit_length(layer)
    tolerance = rounding(DIM * SPARSITY, latents)
    np.testing.assert_allclose(numpy(layer(latents)["latents"]), latents, atol=tolerance)


def test_first_online_steps_go_on_from_the_start():
    latents = signals()
    layer = make(update="online")
    layer.adapt(latents)
    before = coding_error(latents, layer.dictionary)
    for batch in np.split(latents, 10):
        layer(batch, training=True)
    assert coding_error(latents, layer.dictionary) < 1.1 * before


@each_update
def test_dead_atom_comes_back_to_life(assert_unit_length, update):
    latents = signals()
    latents[:, -1] = 0
    start = np.random.default_rng(0).normal(size=(ATOMS, DIM)).astype("float32")
    start[:, -1] = 0
    start[5] = np.eye(DIM)[-1]  # at right angles to every signal
    layer, still = make(update=update, decay=0.9), make(update=update, revival_threshold=0)
    for each in (layer, still):
        each.start.assign(start)
        assert not dense(each.encode(latents))[:, 5].any()
        for batch in np.split(latents, 10):
            each(batch, training=True)
        assert_unit_length(each)
    assert dense(layer.encode(latents))[:, 5].any()
    assert np.isfinite(numpy(layer.dictionary)).all()
    # The control: without revival the atom stays dead.
    assert not dense(still.encode(latents))[:, 5].any()


@each_law
@pytest.mark.parametrize("bits", [2, 6])
def test_quantised_coefficients(law, bits, rounding):
    latents = signals()
    latents[-1] = 0
    layer, whole = make(coefficient_bits=bits, quantization=law), make()
    layer.adapt(latents)
    whole.start.assign(layer.start)
    codes, exact = layer.encode(latents), whole.encode(latents)
    np.testing.assert_array_equal(numpy(codes["indices"]), numpy(exact["indices"]))
    coefficients, exact = numpy(codes["coefficients"]), numpy(exact["coefficients"])

    steps = np.arange(1 - 2 ** (bits - 1), 2 ** (bits - 1)) / (2 ** (bits - 1) - 1)
    if law == "mu_law":
        steps = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    levels = steps * np.abs(exact).max()
    assert len(levels) == 2**bits - 1
    nearest = np.abs(coefficients[..., None] - levels).argmin(axis=-1)
    tolerance = rounding(DIM * SPARSITY, levels)
    np.testing.assert_allclose(coefficients, levels[nearest], atol=tolerance)
    np.testing.assert_array_equal(coefficients[-1], 0)
    # Never further than the neighbouring level, and for equal steps always the nearest.
    gap = np.abs(coefficients - exact)
    if law == "uniform":
        assert np.all(gap <= (levels[1] - levels[0]) / 2 + tolerance)
    above = np.searchsorted(levels, exact.clip(levels[0], levels[-1])).clip(1, len(levels) - 1)
    assert np.all(gap <= levels[above] - levels[above - 1] + tolerance)


class TestMinGain:
    def make(self, min_gain, **kwargs):
        layer = make(coefficient_bits=6, min_gain=min_gain, **kwargs)
        layer.adapt(signals())
        return layer

    def test_simple_vectors_take_fewer_atoms(self):
        latents = signals()
        latents[:10] = 0
        layer = self.make(4.0)
        codes = layer.encode(latents)
        coefficients = numpy(codes["coefficients"])
        counts = (coefficients != 0).sum(axis=1)
        assert set(counts) == set(range(SPARSITY + 1))
        assert (counts[:10] == 0).all()
        np.testing.assert_array_equal(numpy(codes["indices"])[coefficients == 0], 0)
        outputs = layer(latents)["latents"]
        np.testing.assert_array_equal(numpy(layer.decode(codes)), numpy(outputs))

    def test_each_atom_is_worth_its_steps(self):
        layer = self.make(4.0)
        codes = layer.encode(signals())
        step = float(numpy(layer.coefficient_limit)) / 31
        coefficients = numpy(codes["coefficients"])
        # The squared coefficient of a lone atom is its gain, but for rounding to a step.
        alone = np.abs(coefficients[:, 0][(coefficients[:, 1:] == 0).all(axis=1)])
        assert len(alone) > 20
        assert alone[alone > 0].min() >= (2 - 0.5) * step

    def test_atoms_learn_from_vectors_that_stop(self):
        """A dictionary of those that need few atoms codes them closer than one of all."""
        latents = signals()
        ours, others = self.make(8.0), self.make(0.0)
        other = self.make(8.0)
        other.start.assign(others.start)
        other.coefficient_limit.assign(ours.coefficient_limit)
        errors = [
            np.mean((latents - numpy(each(latents)["latents"])) ** 2) for each in (ours, other)
        ]
        assert errors[0] < errors[1]

    def test_trains(self):
        layer = self.make(2.0)
        before = numpy(layer.dictionary)
        fit(layer, signals(), epochs=1)
        assert np.isfinite(numpy(layer.dictionary)).all()
        assert np.abs(numpy(layer.dictionary) - before).max() > 1e-4

    @pytest.mark.parametrize(
        "settings", [{"coefficient_bits": None}, {"quantization": "mu_law"}, {"min_gain": -1}]
    )
    def test_invalid(self, settings):
        with pytest.raises(ValueError, match="min_gain"):
            make(**{"coefficient_bits": 6, "min_gain": 1.0, **settings})


@each_law
def test_finer_coefficients_code_closer(law):
    latents = signals()
    errors = []
    for bits in (3, 8, None):
        layer = make(coefficient_bits=bits, quantization=law)
        layer.adapt(latents)
        errors.append(np.mean((latents - numpy(layer(latents)["latents"])) ** 2))
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < 1.05 * errors[2] + 1e-4


def test_bits_of_the_preset():
    layer = DictionaryBottleneck(16, 16, 4, coefficient_bits=8)
    latents = np.random.default_rng(0).normal(size=(20000, 16)).astype("float32")
    fixed, coded = layer.bits(layer.encode(latents))
    assert fixed == 48
    assert coded <= 42.83


def test_entropy_coded_bits_take_supports_as_sets():
    layer, latents = make(coefficient_bits=5), signals()
    codes = layer.encode(latents)
    fixed, coded = layer.bits(codes)
    assert fixed == SPARSITY * (5 + 5)
    supports = np.sort(numpy(codes["indices"]), axis=1)
    coefficients = numpy(codes["coefficients"])
    expected = sum(
        share * entropy(np.unique(symbols, axis=0, return_counts=True)[1], base=2)
        for share, symbols in ((1, supports), (SPARSITY, coefficients.ravel()))
    )
    np.testing.assert_allclose(coded, expected, rtol=1e-6)


def test_unquantised_coefficients_cost_32_bits():
    layer = make()
    assert layer.bits(layer.encode(signals(100))).fixed_length == SPARSITY * (5 + 32)
