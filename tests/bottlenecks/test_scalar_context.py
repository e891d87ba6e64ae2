import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats

from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.codec import integer_context as exact
from umbed_keras.codec.integer_context import IntegerContext

CHANNELS = 10  # three groups: 4, 4 and 2
numpy = ops.convert_to_numpy


def integers(count=1, rows=6, cols=5, seed=0):
    """Maps of integers, larger in the first channels."""
    random = np.random.default_rng(seed)
    widths = 8.0 * 0.6 ** np.arange(CHANNELS)
    values = random.laplace(0, widths, (count, rows, cols, CHANNELS))
    return np.round(values).astype("float32")


@pytest.fixture(scope="module")
def context():
    """A context whose networks say something."""
    keras.utils.set_random_seed(0)
    layer = ScalarContext(CHANNELS, units=8, summary_units=6)
    layer.adapt(integers(20).reshape(-1, CHANNELS))
    random = np.random.default_rng(0)
    for weight in layer.trainable_variables:
        weight.assign(numpy(weight) + random.normal(0, 0.1, weight.shape).astype("float32"))
    return layer


@pytest.mark.torch_alone
def test_passes_go_through_every_place_once(context):
    passes = IntegerContext(context)
    found = sum(passes.pass_mask(number, 5, 6).astype(int) for number in range(passes.num_passes))
    assert passes.num_passes == 9
    np.testing.assert_array_equal(found, np.ones((5, 6, CHANNELS)))


@pytest.mark.torch_alone
def test_predictions_depend_on_earlier_passes_alone(context):
    """On all of the neighbourhood that is known, and on nothing else."""
    passes, values = IntegerContext(context), integers(rows=5, cols=6)[0]
    known = np.zeros(values.shape, bool)
    for number in range(passes.num_passes):
        predicted = passes.predict(values, number)
        blind = passes.predict(np.where(known, values, 77), number)
        np.testing.assert_array_equal(predicted, blind)
        if number:
            others = passes.predict(np.where(known, values + 3, values), number)
            assert not np.array_equal(predicted, others)
        known |= passes.pass_mask(number, 5, 6)


def test_networks_in_integers_say_what_those_in_floats_do(context):
    passes, values = IntegerContext(context), integers()
    means, log_scales = (numpy(part)[0] for part in context.parameters(values))
    for number in range(passes.num_passes):
        at = passes.pass_mask(number, 6, 5)
        table, centre = passes.predict(values[0], number)
        scale, fraction = np.divmod(table, exact.FRACTIONS)
        mean = centre + (fraction - exact.FRACTIONS / 2) / exact.FRACTIONS
        # Half a step of the table, and what rounding weights to 2^-12 moves.
        bound = 0.5 / exact.FRACTIONS + 0.01 * numpy(context.deviation).max()
        np.testing.assert_allclose(mean, means[at], atol=bound)
        clipped = np.clip(log_scales[at], *exact.LOG_SCALES)
        found = exact.LOG_SCALES[0] + scale / exact.SCALES_PER_OCTAVE
        np.testing.assert_allclose(found, clipped, atol=0.5 / exact.SCALES_PER_OCTAVE + 0.01)


@pytest.mark.torch_alone
def test_sums_are_exact(context, monkeypatch):
    """Activations and weights are integers in floats: int64, which rounds nothing, agrees."""
    passes, values = IntegerContext(context), integers(seed=3)[0]
    expected = [passes.predict(values, number) for number in range(passes.num_passes)]
    for group in passes.groups:
        for name, weight in vars(group).items():
            if isinstance(weight, np.ndarray):
                setattr(group, name, weight.astype("int64"))
    monkeypatch.setattr(exact, "_bounded", lambda sums: _whole_bounded(sums))
    inputs = passes._inputs
    monkeypatch.setattr(passes, "_inputs", lambda indices: inputs(indices).astype("int64"))
    for number, pair in enumerate(expected):
        np.testing.assert_array_equal(passes.predict(values, number), pair)


def _whole_bounded(sums):
    assert sums.dtype == np.int64
    return np.clip(sums // exact.ONE, -exact.LARGEST_ACTIVATION, exact.LARGEST_ACTIVATION)


@pytest.mark.torch_alone
def test_tables_are_the_logistic_distribution():
    tables = IntegerContext.tables()
    assert tables.shape == (exact.NUM_SCALES * exact.FRACTIONS, 2 * exact.REACH + 1)
    lacking = 1 - tables.sum(axis=1)
    assert lacking.min() >= exact.RARE / exact.TABLE_ONE
    scale, fraction = 3, 5
    row = tables[(6 * (scale + 4)) * exact.FRACTIONS + fraction]  # 2^3; the mean -3/16
    logistic = stats.logistic((fraction - 8) / 16, 8 / exact.LOGISTIC)
    edges = np.arange(-exact.REACH, exact.REACH + 2) - 0.5
    np.testing.assert_allclose(row, np.diff(logistic.cdf(edges)), atol=2 * exact.RARE / 2**20)


@pytest.mark.torch_alone
def test_tables_are_the_same_in_higher_precision():
    """No probability lies so near to another that a machine's own tanh could make it that."""
    scales = 2 ** np.longdouble(
        exact.LOG_SCALES[0] + np.arange(exact.NUM_SCALES) / np.longdouble(6)
    )
    means = np.arange(-8, 8) / np.longdouble(16)
    edges = np.arange(-exact.REACH, exact.REACH + 2) - np.longdouble(0.5) - means[:, None]
    shares = np.longdouble(exact.LOGISTIC) * edges / scales[:, None, None]
    masses = np.diff((1 + np.tanh(shares / 2)) / 2).reshape(-1, 2 * exact.REACH + 1)
    counts = np.floor((exact.TABLE_ONE - 2 * exact.RARE) * masses)
    counts[counts < exact.RARE] = 0
    np.testing.assert_array_equal(exact.TABLE_ONE * IntegerContext.tables(), counts)


def test_the_loss_is_the_code_length_of_the_tables(context):
    layer = ScalarQuantizer(CHANNELS, rate_weight=1e-6, context=context)
    values = integers(2, 8, 8)
    layer.build()
    outputs = layer(values * numpy(layer.steps))
    indices = numpy(outputs["codes"]["indices"])
    passes = IntegerContext(layer.context)
    expected = sum(map(passes.code_length, indices)) / values[..., 0].size
    # Scales and means of the tables are rounded.
    np.testing.assert_allclose(1e6 * numpy(outputs["loss"]), expected, rtol=0.02)
    np.testing.assert_allclose(numpy(layer.expected_bits(outputs["codes"])), expected, rtol=0.02)


def test_wider_distributions_are_those_of_smaller_steps(context):
    layer = ScalarContext(CHANNELS, units=8, summary_units=6)
    layer.adapt(integers(20).reshape(-1, CHANNELS))
    before = numpy(layer.parameters(integers())[1])
    layer.scale_widths(4.0)
    np.testing.assert_allclose(numpy(layer.parameters(integers())[1]), before + 2, atol=1e-5)


def test_training_learns_from_neighbours():
    """Of integers that repeat, the second costs nothing."""
    random = np.random.default_rng(0)
    coarse = random.integers(-4, 5, (32, 2, 2, 2)).repeat(4, axis=1).repeat(4, axis=2)
    layer = ScalarQuantizer(2, rate_weight=2 * np.log(2) / 24, context=ScalarContext(2, 16, 8))
    latents = coarse.astype("float32")

    class Cost(keras.Model):
        def __init__(self):
            super().__init__()
            self.bottleneck = layer

        def call(self, inputs, training=False):
            layer(inputs, training=training)  # adds its loss
            return inputs

    layer.adapt(latents.reshape(-1, 2))
    layer.log_steps.trainable = False
    model = Cost()
    model.compile(keras.optimizers.Adam(2e-2), loss=None)
    model.fit(latents, batch_size=32, epochs=60, verbose=0)
    codes = layer.encode(latents)
    assert float(layer.expected_bits(codes)) < 0.8 * layer.bits(codes).entropy_coded


def test_a_saved_context_says_the_same(context, tmp_path):
    layer = ScalarQuantizer(CHANNELS, context=context)
    inputs = keras.Input((None, None, CHANNELS))
    model = keras.Model(inputs, layer(inputs)["latents"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").layers[-1]
    assert loaded.get_config() == layer.get_config()
    values = integers()[0]
    for number in (0, 4):
        np.testing.assert_array_equal(
            IntegerContext(loaded.context).predict(values, number),
            IntegerContext(layer.context).predict(values, number),
        )


def test_bad_arguments(context):
    with pytest.raises(ValueError, match="channels"):
        ScalarQuantizer(CHANNELS + 1, context=context)
    layer = ScalarQuantizer(CHANNELS, context=context)
    with pytest.raises(ValueError, match="batch, rows, cols"):
        layer(np.zeros((3, CHANNELS), "float32"))
    with pytest.raises(ValueError, match="context"):
        layer.probability_tables()
    for arguments in ({"channels": 0}, {"units": 0}, {"summary_units": 0.5}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            ScalarContext(**{"channels": 4, **arguments})
