"""Probabilities of symbols in whole numbers: the same everywhere, and what was learned."""

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
from umbed_keras.codec.digits import split
from umbed_keras.codec.integer_layers import exact_sums
from umbed_keras.codec.integer_network import (
    FREQUENCIES,
    LANES,
    ONE,
    STEP,
    WIDTH,
    IntegerNetwork,
)
from umbed_keras.codec.network_tables import packed, table_shapes, tables
from umbed_keras.codec.passes import passes
from umbed_keras.codec.range_coder import Decoder, Encoder

SPECS = {
    "an entry": [Symbol(5, ENTRY)],
    "many entries": [Symbol(300, ENTRY), Symbol(300, ENTRY)],
    "numbers": [Symbol(9, NUMBER), Symbol(1, NUMBER), Symbol(70, NUMBER)],
    "pairs": [Symbol(40, ENTRY), Symbol(15, FACTOR)] * 2,
    "counted pairs": [Symbol(4, COUNT), *[Symbol(40, ENTRY), Symbol(15, FACTOR)] * 3],
}
every_spec = pytest.mark.parametrize("symbols", SPECS.values(), ids=SPECS)


def random_tables(symbols, seed=0):
    """Tables that no backend had a hand in."""
    random = np.random.default_rng(seed)
    found = {}
    for name, (shape, dtype) in table_shapes(symbols).items():
        if dtype == "int8":
            found[name] = random.integers(-127, 128, shape).astype("int8")
        elif name.endswith("_scale"):
            found[name] = np.float32(2e-3)
        else:
            found[name] = random.normal(size=shape).astype("float32")
    return found


def random_network(symbols):
    return IntegerNetwork(symbols, packed(random_tables(symbols), symbols))


def random_map(symbols, rows, cols, seed=1):
    random = np.random.default_rng(seed)
    columns = [random.integers(0, size, rows * cols) for size, _ in symbols]
    if symbols[0].role == COUNT:
        for place in range(1, len(symbols)):
            absent = columns[0] < (place + 1) // 2
            columns[place][absent] = symbols[place].size // 2 if place % 2 == 0 else 0
    return np.stack(columns, axis=1).astype("int32")


def streams():
    """The bytes of random symbols by random tables, and what they come back as."""
    for symbols in SPECS.values():
        network = random_network(symbols)
        # The second so large that threads share the work.
        for size in [(7, 10), (150, 241)] if len(symbols) == 2 else [(7, 10)]:
            values = random_map(symbols, *size)
            encoder = Encoder()
            network.transfer(encoder, values, *size)
            yield network, size, values, encoder.data()


def test_symbols_come_back():
    places = []
    for network, size, values, data in streams():
        decoder = Decoder(data)
        np.testing.assert_array_equal(network.transfer(decoder, None, *size), values)
        decoder.check_end()
        places.append(len(values))
    assert min(places) < WIDTH
    assert max(places) > LANES * WIDTH


@pytest.mark.torch_alone
def test_sums_stay_exact_however_many_symbols_there_are(monkeypatch):
    """Vectors that all point one way, of as many stages as there may be."""
    symbols = [Symbol(2, ENTRY)] * 256
    found = random_tables(symbols)
    for name in found:
        if name.startswith("vectors") and not name.endswith("scale"):
            found[name] = np.full_like(found[name], 127)
    for name in ("around", "before", "pending"):
        found[name] = np.full_like(found[name], -128)
    largest = []

    def watched(weights, columns, out=None):
        largest.append(np.abs(weights).astype("float64") @ np.abs(columns))
        return exact_sums(weights, columns, out)

    monkeypatch.setattr(integer_layers, "exact_sums", watched)
    network = IntegerNetwork(symbols, packed(found, symbols))
    network.transfer(Encoder(), random_map(symbols, 3, 3), 3, 3)
    # Two layers a symbol, what they share, and the digits.
    assert len(largest) >= 3 * len(symbols)
    assert max(np.max(part) for part in largest) < 2**24


@pytest.mark.torch_alone
@pytest.mark.parametrize("count", [0, 1, 340, 341, 342, 1500])
def test_sums_are_those_of_whole_numbers(count):
    random = np.random.default_rng(0)
    weights, columns = random.integers(-127, 128, (16, 48)), random.integers(0, 256, (48, count))
    found = exact_sums(weights.astype("float32"), columns.astype("float32"))
    np.testing.assert_array_equal(found, weights @ columns)


def test_bytes_are_the_same_on_every_backend_and_machine():
    digest = hashlib.sha256(b"".join(data for *_, data in streams())).hexdigest()
    assert digest[:16] == "443d71830d77386d"


def test_exponentials_are_no_rounding_matter():
    """Whole numbers of which none lies so near to a half that libraries could differ."""
    exact = ONE * np.exp(-STEP * np.arange(len(FREQUENCIES), dtype="longdouble"))
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-6
    np.testing.assert_array_equal(FREQUENCIES, np.rint(exact))


@every_spec
@pytest.mark.torch_alone
def test_symbols_cost_what_the_network_says(symbols):
    network = CodeNetwork(symbols, seed=3)
    random = np.random.default_rng(2)
    for weight in network.trainable_weights:
        weight.assign(weight + 0.3 * random.normal(size=weight.shape))
    rows, cols = 6, 9
    values = random_map(symbols, rows, cols)
    expected = 0.0
    for kind, places, neighbours in passes(rows, cols):
        inputs = {
            "kinds": np.full(len(places), kind, "int32"),
            "neighbours": values[neighbours],
            "own": values[places],
        }
        inputs = {name: ops.convert_to_tensor(part) for name, part in inputs.items()}
        expected += float(ops.convert_to_numpy(ops.sum(network(inputs))))
    spent = Counter()
    IntegerNetwork(symbols, packed(tables(network), symbols)).transfer(spent, values, rows, cols)
    # Steps of 1/127 of the largest weight, of 1/32 of a logit: a few hundredths of a bit each.
    assert spent.bits == pytest.approx(expected, rel=0.03)


class Counter:
    """A coder that only counts, as an ideal one would."""

    bits = 0.0

    def transfer(self, symbols, frequencies):
        chances = frequencies / frequencies.sum(axis=1, keepdims=True)
        self.bits -= np.log2(chances[np.arange(len(symbols)), symbols]).sum()
        return symbols


def test_no_probability_is_given_to_what_is_no_symbol():
    for size in range(2, 600):
        high, low = split(size)
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
    arrays = packed(random_tables(symbols), symbols)
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
            found = network.transfer(Decoder(random.bytes(length)), None, 7, 10)
            assert ((found >= 0) & (found < 300)).all()
