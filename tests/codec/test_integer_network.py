"""Probabilities of symbols in whole numbers: the same everywhere, and what was learned."""

import contextlib
import hashlib

import keras
import numpy as np
import pytest
from keras import ops

from umbed_keras.codec.code_network import CodeNetwork
from umbed_keras.codec.digits import split
from umbed_keras.codec.integer_network import (
    FREQUENCIES,
    ONE,
    STEP,
    IntegerNetwork,
    table_shapes,
    tables,
)
from umbed_keras.codec.passes import passes
from umbed_keras.codec.range_coder import Decoder, Encoder
from umbed_keras.layers.symbols import ENTRY, FACTOR, NUMBER, Symbol

SPECS = {
    "an entry": [Symbol(5, ENTRY)],
    "many entries": [Symbol(300, ENTRY), Symbol(300, ENTRY)],
    "numbers": [Symbol(9, NUMBER), Symbol(1, NUMBER), Symbol(70, NUMBER)],
    "pairs": [Symbol(40, ENTRY), Symbol(15, FACTOR)] * 2,
}
on_one_backend = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="no backend has to do with it"
)
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


def random_map(symbols, rows, cols, seed=1):
    random = np.random.default_rng(seed)
    columns = [random.integers(0, size, rows * cols) for size, _ in symbols]
    return np.stack(columns, axis=1).astype("int32")


def streams():
    """The bytes of random symbols by random tables, and what they come back as."""
    for symbols in SPECS.values():
        network = IntegerNetwork(symbols, random_tables(symbols))
        values = random_map(symbols, 7, 10)
        encoder = Encoder()
        network.transfer(encoder, values, 7, 10)
        yield network, values, encoder.data()


def test_symbols_come_back():
    for network, values, data in streams():
        decoder = Decoder(data)
        np.testing.assert_array_equal(network.transfer(decoder, None, 7, 10), values)
        decoder.check_end()


def test_bytes_are_the_same_on_every_backend_and_machine():
    digest = hashlib.sha256(b"".join(data for *_, data in streams())).hexdigest()
    assert digest[:16] == "224b4c33afe70294"


def test_exponentials_are_no_rounding_matter():
    """Whole numbers of which none lies so near to a half that libraries could differ."""
    exact = ONE * np.exp(-STEP * np.arange(len(FREQUENCIES), dtype="longdouble"))
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-6
    np.testing.assert_array_equal(FREQUENCIES, np.rint(exact))


@every_spec
@on_one_backend
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
    IntegerNetwork(symbols, tables(network)).transfer(spent, values, rows, cols)
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


@on_one_backend
class TestTables:
    symbols = SPECS["pairs"]

    def refused(self, says, **changes):
        with pytest.raises(ValueError, match=says):
            IntegerNetwork(self.symbols, {**random_tables(self.symbols), **changes})

    def test_missing(self):
        found = random_tables(self.symbols)
        del found["before"]
        with pytest.raises(ValueError, match="before"):
            IntegerNetwork(self.symbols, found)

    def test_another_shape(self):
        self.refused("kind_bias", kind_bias=np.zeros((2, 2), "float32"))

    def test_another_type(self):
        self.refused("before", before=np.zeros((12, 48)))

    @pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
    def test_numbers_that_overflow(self, value):
        self.refused("high_scale_0|high_0_scale", high_0_scale=np.float32(value))


@on_one_backend
def test_any_bytes_are_symbols_or_an_error():
    symbols = SPECS["many entries"]
    network = IntegerNetwork(symbols, random_tables(symbols))
    random = np.random.default_rng(0)
    for length in [0, 4, 8, 40, 4000]:
        # Any other error isn't caught.
        with contextlib.suppress(ValueError):
            found = network.transfer(Decoder(random.bytes(length)), None, 7, 10)
            assert ((found >= 0) & (found < 300)).all()
