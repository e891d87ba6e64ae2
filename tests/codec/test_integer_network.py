"""Probabilities of symbols in whole numbers, equal on every machine."""

import contextlib
import hashlib

import numpy as np
import pytest
from keras import ops

from umbed_keras.bottlenecks.entropy_models.entropy_model import (
    COUNT,
    ENTRY,
    FACTOR,
    NUMBER,
    Symbol,
)
from umbed_keras.codec import integer_layers
from umbed_keras.codec.code_network import CodeNetwork
from umbed_keras.codec.integer_layers import exact_sums
from umbed_keras.codec.integer_network import (
    CHUNKS,
    FREQUENCIES,
    ONE,
    STEP,
    WIDTH,
    IntegerNetwork,
)
from umbed_keras.codec.interlacing import interlaced_passes
from umbed_keras.codec.network_weights import (
    digit_sizes,
    pack_weights,
    weight_shapes,
)
from umbed_keras.codec.range_coder import Decoder, Encoder

SPECS = {
    "an entry": [Symbol(5, ENTRY)],
    "many entries": [Symbol(300, ENTRY), Symbol(300, ENTRY)],
    "numbers": [Symbol(9, NUMBER), Symbol(1, NUMBER), Symbol(70, NUMBER)],
    "pairs": [Symbol(40, ENTRY), Symbol(15, FACTOR)] * 2,
    "counted pairs": [Symbol(4, COUNT), *[Symbol(40, ENTRY), Symbol(15, FACTOR)] * 3],
}
every_spec = pytest.mark.parametrize("symbols", SPECS.values(), ids=SPECS)


def random_weights(symbols, seed=0):
    """Weights that do not depend on the backend."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, (shape, dtype) in weight_shapes(symbols).items():
        if dtype == "int8":
            weights[name] = random.integers(-127, 128, shape).astype("int8")
        elif name.endswith("_scale"):
            weights[name] = np.float32(2e-3)
        else:
            weights[name] = random.normal(size=shape).astype("float32")
    return weights


def random_network(symbols):
    return IntegerNetwork(symbols, pack_weights(random_weights(symbols), symbols))


def random_map(symbols, rows, cols, seed=1):
    random = np.random.default_rng(seed)
    columns = [random.integers(0, size, rows * cols) for size, _ in symbols]
    if symbols[0].role == COUNT:
        for index in range(1, len(symbols)):
            absent = columns[0] < (index + 1) // 2
            columns[index][absent] = symbols[index].size // 2 if index % 2 == 0 else 0
    return np.stack(columns, axis=1).astype("int32")


def streams():
    """Random networks and maps, and the bytes that they give."""
    for symbols in SPECS.values():
        network = random_network(symbols)
        # The second so large that threads share the work.
        for size in [(7, 10), (150, 241)] if len(symbols) == 2 else [(7, 10)]:
            values = random_map(symbols, *size)
            encoder = Encoder()
            network.transfer(encoder, values, *size)
            yield network, size, values, encoder.data()


def test_symbols_come_back():
    positions = []
    for network, size, values, data in streams():
        decoder = Decoder(data)
        np.testing.assert_array_equal(network.transfer(decoder, None, *size), values)
        decoder.check_end()
        positions.append(len(values))
    assert min(positions) < WIDTH
    assert max(positions) > CHUNKS * WIDTH


@pytest.mark.torch_alone
def test_sums_stay_exact_however_many_symbols_there_are(monkeypatch):
    """For vectors that all point in one direction, and as many symbols as there may be."""
    symbols = [Symbol(2, ENTRY)] * 256
    weights = random_weights(symbols)
    for name in weights:
        if name.startswith("vectors") and not name.endswith("scale"):
            weights[name] = np.full_like(weights[name], 127)
    for name in ("around", "before", "pending"):
        weights[name] = np.full_like(weights[name], -128)
    largest = []

    def recording(weights, columns, out=None):
        largest.append(np.abs(weights).astype("float64") @ np.abs(columns))
        return exact_sums(weights, columns, out)

    monkeypatch.setattr(integer_layers, "exact_sums", recording)
    network = IntegerNetwork(symbols, pack_weights(weights, symbols))
    network.transfer(Encoder(), random_map(symbols, 3, 3), 3, 3)
    # Two layers a symbol, what they share, and the digits.
    assert len(largest) >= 3 * len(symbols)
    assert max(np.max(part) for part in largest) < 2**24


@pytest.mark.torch_alone
@pytest.mark.parametrize("count", [0, 1, 340, 341, 342, 1500])
def test_sums_equal_those_of_integers(count):
    random = np.random.default_rng(0)
    weights, columns = random.integers(-127, 128, (16, 48)), random.integers(0, 256, (48, count))
    actual = exact_sums(weights.astype("float32"), columns.astype("float32"))
    np.testing.assert_array_equal(actual, weights @ columns)


def test_bytes_are_the_same_on_every_backend_and_machine():
    digest = hashlib.sha256(b"".join(data for *_, data in streams())).hexdigest()
    assert digest[:16] == "443d71830d77386d"


def test_frequencies_do_not_depend_on_the_rounding_of_exp():
    """Whole numbers of which none lies so near to a half that libraries could differ."""
    exact = ONE * np.exp(-STEP * np.arange(len(FREQUENCIES), dtype="longdouble"))
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-6
    np.testing.assert_array_equal(FREQUENCIES, np.rint(exact))


@every_spec
@pytest.mark.torch_alone
def test_symbols_cost_what_the_keras_network_computes(symbols):
    network = CodeNetwork(symbols, seed=3)
    random = np.random.default_rng(2)
    for weight in network.trainable_weights:
        weight.assign(weight + 0.3 * random.normal(size=weight.shape))
    rows, cols = 6, 9
    values = random_map(symbols, rows, cols)
    expected = 0.0
    for kind, positions, neighbours in interlaced_passes(rows, cols):
        inputs = {
            "kinds": np.full(len(positions), kind, "int32"),
            "neighbours": values[neighbours],
            "own": values[positions],
        }
        inputs = {name: ops.convert_to_tensor(part) for name, part in inputs.items()}
        expected += float(ops.convert_to_numpy(ops.sum(network(inputs))))
    spent = Counter()
    arrays = pack_weights(network.rounded_weights(), symbols)
    IntegerNetwork(symbols, arrays).transfer(spent, values, rows, cols)
    # Steps of 1/127 of the largest weight, of 1/32 of a logit: a few hundredths of a bit each.
    assert spent.bits == pytest.approx(expected, rel=0.03)


class Counter:
    """A coder that only counts, as an ideal one would."""

    bits = 0.0

    def transfer(self, symbols, frequencies):
        probabilities = frequencies / frequencies.sum(axis=1, keepdims=True)
        self.bits -= np.log2(probabilities[np.arange(len(symbols)), symbols]).sum()
        return symbols


def test_digits_have_no_more_values_than_the_symbol_needs():
    for size in range(2, 600):
        high, low = digit_sizes(size)
        assert (high - 1) * low < size <= high * low


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("whole", lambda part: part[:-1]),
        ("whole", lambda part: part.astype("int16")),
        ("real", lambda part: np.append(part, np.float32(0))),
        ("real", lambda part: np.append(part[:-1], np.float32(np.nan))),
        ("real", lambda part: np.append(part[:-1], np.float32(-1e30))),
    ],
    ids=["too few", "another type", "too many", "not finite", "so large that sums overflow"],
)
def test_arrays_that_do_not_fit(kind, change):
    symbols = SPECS["pairs"]
    arrays = pack_weights(random_weights(symbols), symbols)
    with pytest.raises(ValueError, match=kind):
        IntegerNetwork(symbols, {**arrays, kind: change(arrays[kind])})
    del arrays[kind]
    with pytest.raises(ValueError, match=kind):
        IntegerNetwork(symbols, arrays)


@pytest.mark.torch_alone
def test_any_bytes_are_symbols_or_an_error():
    symbols = SPECS["many entries"]
    network = random_network(symbols)
    random = np.random.default_rng(0)
    for length in [0, 4, 8, 40, 4000]:
        # Any other error isn't caught.
        with contextlib.suppress(ValueError):
            decoded = network.transfer(Decoder(random.bytes(length)), None, 7, 10)
            assert ((decoded >= 0) & (decoded < 300)).all()
