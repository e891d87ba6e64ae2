"""The entropy models that bottlenecks return, and what they ask of a new bottleneck."""

import functools

import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.bottlenecks.entropy_models.entropy_model import EntropyModel

DIM = 3
BOTTLENECKS = {
    "gaussian": functools.partial(uk.layers.GaussianBottleneck, DIM),
    "vq": functools.partial(uk.layers.VectorQuantizer, 8, DIM),
    "rvq": functools.partial(uk.layers.ResidualVectorQuantizer, 8, DIM, 2),
    "dictionary": functools.partial(
        uk.layers.DictionaryBottleneck, 12, DIM, 2, coefficient_bits=6, min_gain=1.0
    ),
    "fsq": functools.partial(uk.layers.FiniteScalarQuantizer, DIM, (8, 5, 2)),
    "density": functools.partial(uk.layers.ScalarQuantizer, DIM, rate_weight=1e-2),
    "context": lambda: uk.layers.ScalarQuantizer(
        DIM, rate_weight=1e-2, context=uk.layers.ScalarContext(DIM, 4, 4)
    ),
}
every_bottleneck = pytest.mark.parametrize("make", BOTTLENECKS.values(), ids=BOTTLENECKS)
pytestmark = pytest.mark.torch_alone


@every_bottleneck
def test_symbols_stand_for_codes(make):
    layer = make()
    latents = np.random.default_rng(0).normal(size=(2, 6, 5, layer.input_dim)).astype("float32")
    layer.adapt(latents.reshape(-1, layer.input_dim))
    codes = {name: ops.convert_to_numpy(part) for name, part in layer.encode(latents).items()}
    maps = [{name: part[image] for name, part in codes.items()} for image in range(2)]
    model = layer.entropy_model()
    settings = model.settings(maps)
    model = model.with_settings(settings)
    for part in maps:
        symbols = model.to_symbols(part)
        assert symbols.dtype == "int32"
        assert symbols.shape == (6, 5, len(model.symbols))
        decoded = model.from_symbols(symbols)
        assert decoded.keys() == part.keys()
        # What is rounded once stays as it is.
        np.testing.assert_array_equal(model.to_symbols(decoded), symbols)
        if not settings:
            for name in part:
                np.testing.assert_array_equal(decoded[name], part[name])
                assert decoded[name].dtype == part[name].dtype


@every_bottleneck
def test_probabilities_have_one_source(make):
    layer = make()
    layer.build((None, layer.input_dim))
    model = layer.entropy_model()
    assert model.density is None or model.context is None
    assert model.needs_adapting == (model.context is None)


class Rounding(uk.layers.Bottleneck):
    """What a first bottleneck may look like: numbers cut to multiples of a step."""

    def pass_through(self, latents, training, mask=None):
        return latents, {"values": latents}, ops.convert_to_tensor(0.0)

    def decode(self, codes):
        return codes["values"]

    def code_spec(self):
        return {"values": ((self.latent_dim,), "float32")}


class Signs(Rounding):
    def code_spec(self):
        return {"values": ((self.latent_dim,), "int8")}


def test_codes_that_are_no_integers_need_an_entropy_model():
    with pytest.raises(NotImplementedError, match=r"Rounding .*'values'.*`entropy_model\(\)`"):
        Rounding(DIM).entropy_model()


def test_integers_of_unknown_range_need_an_entropy_model():
    with pytest.raises(NotImplementedError, match=r"Signs .*`num_indices`.*`entropy_model\(\)`"):
        Signs(DIM).entropy_model()


def test_an_entropy_model_without_its_methods_says_so():
    with pytest.raises(NotImplementedError, match="to_symbols"):
        EntropyModel().to_symbols({})
    with pytest.raises(NotImplementedError, match="from_symbols"):
        EntropyModel().from_symbols(np.zeros((1, 0), "int32"))
