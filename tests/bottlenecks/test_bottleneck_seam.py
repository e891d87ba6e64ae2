"""The interface that every bottleneck has for the models that hold it."""

import keras
import numpy as np
import pytest
from keras import ops
from kinds import (
    BOTTLENECKS,
    COMPILED,
    DIM,
    every_bottleneck,
    every_codebook,
    every_variant,
    sample,
)

import umbed_keras as uk
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.ops.rate import Bits

numpy = ops.convert_to_numpy


class Autoencoder(keras.Model):
    def __init__(self, bottleneck):
        super().__init__()
        self.encoder = keras.layers.Dense(bottleneck.input_dim)
        self.bottleneck = bottleneck
        self.decoder = keras.layers.Dense(DIM)

    def call(self, inputs, training=False):
        outputs = self.bottleneck(self.encoder(inputs), training=training)
        return self.decoder(outputs["latents"])


class Passage(keras.Model):
    """A bottleneck with nothing around it."""

    def __init__(self, bottleneck):
        super().__init__()
        self.bottleneck = bottleneck

    def call(self, inputs, training=False):
        return self.bottleneck(inputs, training=training)["latents"]


def state(layer):
    """Statistics and, in the Gaussian, the state of its noise."""
    return [np.array(numpy(variable)) for variable in layer.non_trainable_variables]


def moved(before, after):
    return [not np.array_equal(one, other) for one, other in zip(before, after, strict=True)]


def settled(make, **kwargs):
    """A bottleneck with the statistics of a few batches."""
    layer = make(**kwargs)
    for seed in range(3):
        layer(sample(layer, seed=seed), training=True)
    return layer


@pytest.fixture
def assert_same(rounding):
    """`assert_same(tree, other, terms)`: but for the rounding of sums of so many terms."""

    def check(tree, other, terms=3 * DIM):  # of a code: products with up to three entries
        def compare(actual, expected):
            actual, expected = numpy(actual), numpy(expected)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding(terms, expected))

        keras.tree.map_structure(compare, tree, other)

    return check


@pytest.mark.torch_alone
@every_bottleneck
@pytest.mark.parametrize("leading", [(64,), (4, 2, 8)], ids=str)
def test_call_keeps_leading_shape(make, leading):
    layer = make()
    outputs = layer(sample(layer, *leading))
    assert set(outputs) == {"latents", "codes", "loss"}
    assert tuple(outputs["latents"].shape) == (*leading, layer.latent_dim)
    assert tuple(outputs["loss"].shape) == ()
    assert np.isfinite(numpy(outputs["loss"]))
    assert all(tuple(code.shape)[: len(leading)] == leading for code in outputs["codes"].values())
    assert tuple(layer.decode(outputs["codes"]).shape) == (*leading, layer.latent_dim)


@pytest.mark.torch_alone
@every_bottleneck
def test_single_vector(assert_same, make):
    layer = make()
    latents = sample(layer, 1)
    outputs = layer(latents[0])
    assert_same(outputs["codes"], {k: v[0] for k, v in layer.encode(latents).items()})
    assert tuple(outputs["latents"].shape) == (DIM,)


@every_bottleneck
def test_empty_batch_has_empty_codes(make):
    layer = make()
    codes = layer.encode(sample(layer, 0))
    assert all(code.shape[0] == 0 for code in codes.values())
    assert tuple(layer.decode(codes).shape) == (0, DIM)


def test_input_dim_is_what_each_bottleneck_needs():
    sizes = {name: (make().input_dim, make().latent_dim) for name, make in BOTTLENECKS.items()}
    assert sizes.pop("gaussian") == (2 * DIM, DIM)
    assert set(sizes.values()) == {(DIM, DIM)}


@every_variant
def test_decoded_codes_are_the_quantized_latents(assert_same, make):
    layer = settled(make)
    latents = sample(layer)
    outputs = layer(latents, training=False)
    codes = layer.encode(latents)
    assert_same(codes, outputs["codes"], terms=0)
    assert_same(layer.decode(codes), outputs["latents"])


@every_codebook
def test_training_and_inference_quantize_alike(assert_same, make):
    layer = settled(make)
    latents = sample(layer)
    inference = layer(latents, training=False)
    training = layer(latents, training=True)
    assert_same(training["codes"], inference["codes"])
    assert_same(training["latents"], inference["latents"])


@every_bottleneck
def test_code_does_not_depend_on_the_batch(make, rounding):
    layer = settled(make)
    latents = sample(layer, 640)
    order = np.random.default_rng(1).permutation(len(latents))
    together = numpy(layer.decode(layer.encode(latents)))
    permuted = numpy(layer.decode(layer.encode(latents[order])))
    parts = np.split(latents, 10)
    apart = np.concatenate([numpy(layer.decode(layer.encode(part))) for part in parts])
    tolerance = rounding(3 * DIM, together)
    np.testing.assert_allclose(permuted, together[order], atol=tolerance)
    np.testing.assert_allclose(apart, together, atol=tolerance)


@every_bottleneck
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_only_the_latents_are_of_half_precision(make, policy):
    layer = make(dtype=policy)
    half = policy.removeprefix("mixed_")
    outputs = layer(ops.cast(sample(layer), half), training=True)
    codes = layer.encode(ops.cast(sample(layer), half))
    assert keras.backend.standardize_dtype(outputs["latents"].dtype) == half
    assert keras.backend.standardize_dtype(outputs["loss"].dtype) == "float32"
    assert {ops.dtype(code) for code in (*codes.values(), *outputs["codes"].values())} <= {
        "float32",
        "int32",
    }
    assert {weight.dtype for weight in layer.weights} <= {"float32"}


@every_codebook
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_under_mixed_precision_are_those_of_float32(assert_same, make, policy):
    mixed, whole = make(dtype=policy), make(dtype="float32")
    for seed in range(3):
        latents = ops.cast(sample(mixed, seed=seed), policy.removeprefix("mixed_"))
        mixed(latents, training=True)
        whole(ops.cast(latents, "float32"), training=True)
    assert_same(state(mixed), state(whole), terms=64)


@every_bottleneck
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_codes_inside_a_mixed_model_are_those_of_float32(assert_same, make, policy):
    """A model calls `encode` and `decode` where its own layers' weights are cast."""
    half = policy.removeprefix("mixed_")
    mixed, whole = settled(make), settled(make)

    class Coder(keras.layers.Layer):
        def call(self, latents):
            codes = mixed.encode(latents)
            return {"codes": codes, "decoded": mixed.decode(codes)}

    latents = ops.cast(sample(whole), half)
    outputs = Coder(dtype=policy)(latents)
    codes = whole.encode(ops.cast(latents, "float32"))
    assert_same(outputs["codes"], codes)
    assert_same(outputs["decoded"], whole.decode(codes))


@every_bottleneck
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_symbolic_call_has_the_shapes_and_dtypes_of_a_real_one(make, policy):
    layer = make(dtype=policy)
    latents = sample(layer)
    symbolic = layer(keras.KerasTensor(latents.shape))
    assert keras.tree.map_structure(
        lambda tensor: (tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype)),
        symbolic,
    ) == keras.tree.map_structure(
        lambda tensor: (tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype)),
        layer(latents),
    )


@every_bottleneck
def test_wrong_last_axis(make):
    layer = make()
    latents = np.zeros((3, layer.input_dim + 1), "float32")
    with pytest.raises(ValueError, match=str(layer.input_dim)):
        layer(latents)
    with pytest.raises(ValueError, match=str(layer.input_dim)):
        layer.encode(latents)


@every_codebook
@pytest.mark.parametrize(
    "latents",
    [np.zeros((0, DIM)), np.zeros((5, DIM + 1)), np.zeros((5, 2, DIM)), np.full((5, DIM), np.nan)],
    ids=["none", "wrong size", "wrong rank", "nan"],
)
def test_adapt_refuses(make, latents):
    with pytest.raises(ValueError, match="latents"):
        make().adapt(latents)


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        *((GaussianBottleneck, {"latent_dim": value}) for value in (0, -1, 1.5, True)),
        *((GaussianBottleneck, {"kl_weight": value}) for value in (-1e-3, float("nan"))),
        *((VectorQuantizer, {"latent_dim": value}) for value in (0, 2.5)),
        *((VectorQuantizer, {"num_embeddings": value}) for value in (0, 1, 2.5)),
        *((VectorQuantizer, {"decay": value}) for value in (-0.1, 1.0, float("nan"))),
        (VectorQuantizer, {"update": "online"}),
        (VectorQuantizer, {"distance": "manhattan"}),
        (VectorQuantizer, {"commitment_weight": -1.0}),
        (VectorQuantizer, {"revival_threshold": -0.1}),
        *((ResidualVectorQuantizer, {"num_quantizers": value}) for value in (0, 1.5)),
        *((ResidualVectorQuantizer, {"num_embeddings": value}) for value in (1, 2.5)),
        *((DictionaryBottleneck, {"latent_dim": value}) for value in (0, 2.5)),
        *((DictionaryBottleneck, {"num_atoms": value}) for value in (0, 1, 8.5)),
        *((DictionaryBottleneck, {"sparsity": value}) for value in (0, 1.5, 9)),
        *((DictionaryBottleneck, {"decay": value}) for value in (-0.1, 1.0)),
        *((DictionaryBottleneck, {"coefficient_bits": value}) for value in (0, 1, 2.5, 17)),
        (DictionaryBottleneck, {"update": "ema"}),
        (DictionaryBottleneck, {"selection": "lasso"}),
        (DictionaryBottleneck, {"quantization": "a_law"}),
        (DictionaryBottleneck, {"commitment_weight": -1.0}),
        (DictionaryBottleneck, {"revival_threshold": -0.1}),
        *((FiniteScalarQuantizer, {"levels": value}) for value in (1, 2.5, [8, 8], [8] * 5 + [1])),
        *((ScalarQuantizer, {"rate_weight": value}) for value in (0, -1.0, float("nan"))),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_bad_arguments(layer, arguments):
    good = {
        GaussianBottleneck: {"latent_dim": DIM},
        VectorQuantizer: {"num_embeddings": 8, "latent_dim": DIM},
        ResidualVectorQuantizer: {"num_embeddings": 8, "latent_dim": DIM, "num_quantizers": 2},
        DictionaryBottleneck: {"num_atoms": 8, "latent_dim": DIM, "sparsity": 2},
        FiniteScalarQuantizer: {"latent_dim": DIM, "levels": 4},
        ScalarQuantizer: {"latent_dim": DIM},
    }[layer]
    layer(**good)
    (name,) = arguments
    with pytest.raises(ValueError, match=name):
        layer(**{**good, **arguments})


@pytest.mark.parametrize(
    "layer",
    [
        GaussianBottleneck(DIM, kl_weight=0.5, seed=3, name="gaussian", dtype="mixed_float16"),
        VectorQuantizer(8, DIM, 0.5, "gradient", 0.9, "cosine", 0.1, seed=3, name="vq"),
        ResidualVectorQuantizer(8, DIM, 3, True, 0.5, "gradient", 0.9, 0.1, seed=3, name="rvq"),
        DictionaryBottleneck(
            8, DIM, 3, 0.5, "online", "ols", 6, "mu_law", 0.9, 0.1, seed=3, trainable=False
        ),
        FiniteScalarQuantizer(2, [5, 4], name="fsq"),
        ScalarQuantizer(2, 0.5, seed=3, name="scalar"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_config_round_trip(layer):
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    arguments = [name for name in config if hasattr(layer, name) and name != "dtype"]
    assert {"latent_dim", "name"} < set(arguments)
    assert all(getattr(copy, name) == getattr(layer, name) for name in arguments)
    assert copy.compute_dtype == layer.compute_dtype


@every_bottleneck
def test_saved_model_gives_the_same_outputs(assert_same, make, tmp_path):
    layer = settled(make)
    inputs = keras.Input((layer.input_dim,))
    model = keras.Model(inputs, layer(inputs)["latents"])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    latents = sample(layer)
    assert_same(loaded(latents), model(latents))
    assert_same(loaded.predict(latents, verbose=0), model(latents))
    assert_same(loaded.layers[-1].encode(latents), layer.encode(latents))
    # The statistics, too, which go on learning.
    assert_same(loaded.layers[-1].weights, layer.weights, terms=0)


@every_variant
def test_fit_learns_and_moves_statistics(make):
    keras.utils.set_random_seed(0)
    model = Autoencoder(make())
    inputs = np.random.default_rng(0).normal(size=(256, DIM)).astype("float32")
    model(inputs)
    before = state(model.bottleneck)
    # XLA takes half a minute for this step of a dictionary on TensorFlow; the next test uses it.
    slow = keras.backend.backend() == "tensorflow" and isinstance(
        model.bottleneck, DictionaryBottleneck
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=COMPILED and not slow)
    losses = model.fit(inputs, inputs, batch_size=64, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert any(moved(before, state(model.bottleneck))) == (make is not BOTTLENECKS["fsq"])


@pytest.mark.parametrize("name", ["vq_ema", "dictionary_online", "dictionary_quantized"])
def test_fit_keeps_the_statistics_of_calls(assert_same, name):
    """A compiled, stateless step assigns what a plain call does."""
    make = BOTTLENECKS[name]
    model, plain = Passage(make()), make()
    inputs = sample(plain, 192)
    # Nothing trains: all that moves is what the layer assigns.
    model.compile(keras.optimizers.SGD(0.0), jit_compile=COMPILED)
    model.fit(inputs, batch_size=64, shuffle=False, verbose=0)
    model.evaluate(inputs, batch_size=64, verbose=0)
    for batch in np.split(inputs, 3):
        plain(batch, training=True)
    assert_same(state(model.bottleneck), state(plain), terms=64)


@every_bottleneck
def test_inference_moves_nothing(make):
    layer = settled(make)
    before = state(layer)
    codes = layer(sample(layer), training=False)["codes"]
    layer(sample(layer))
    layer.encode(sample(layer))
    layer.decode(codes)
    layer.bits(codes)
    assert not any(moved(before, state(layer)))
    layer(sample(layer), training=True)
    # What finite scalar quantisation does is fixed before training.
    assert any(moved(before, state(layer))) == (make is not BOTTLENECKS["fsq"])


@every_bottleneck
def test_bits_are_floats_and_fixed_length_bits_a_tensor(make, rounding):
    layer = settled(make)
    codes = layer.encode(sample(layer))
    fixed, coded = layer.bits(codes)
    assert type(fixed) is float
    assert type(coded) is float
    assert 0 < coded <= fixed
    tolerance = rounding(64 * DIM)
    np.testing.assert_allclose(numpy(layer.fixed_length_bits(codes)), fixed, rtol=tolerance)
    on_host = {name: numpy(code) for name, code in codes.items()}
    np.testing.assert_allclose(layer.bits(on_host), (fixed, coded), rtol=tolerance)
    spent = float(numpy(layer.spent_bits(layer(sample(layer)))))
    assert spent > 0 if make is BOTTLENECKS["scalar"] else spent == pytest.approx(fixed)


@every_bottleneck
def test_keeps_vectors_is_true_of_those_that_do(make):
    layer = make()
    layer.build()
    latents = sample(layer)
    outputs = numpy(layer(latents)["latents"])
    kept = np.array_equal(outputs, latents[:, : layer.latent_dim])
    assert kept == layer.keeps_vectors


class Signs(Bottleneck):
    """What a bottleneck must have, and no more: the sign of each entry."""

    def pass_through(self, latents, training, mask=None):
        signs = ops.where(latents > 0, 1.0, -1.0)
        codes = {"indices": ops.cast(signs > 0, "int32")}
        return latents + ops.stop_gradient(signs - latents), codes, ops.mean(0.0 * latents)

    def decode(self, codes):
        return 2.0 * ops.cast(codes["indices"], "float32") - 1.0

    def code_spec(self):
        return {"indices": ((self.latent_dim,), "int32")}

    def bits(self, codes):
        return Bits(float(self.latent_dim), float(self.latent_dim))

    def fixed_length_bits(self, codes):
        return ops.convert_to_tensor(float(self.latent_dim), dtype="float32")


@pytest.mark.torch_alone
def test_models_hold_a_bottleneck_that_has_only_what_it_must():
    model = uk.ImageAutoencoder(
        Signs(4, name="signs"), filters=4, residual_units=2, residual_blocks=1
    )
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype="uint8")
    model.compile("adam")
    history = model.fit(images, verbose=0).history
    assert set(history) == {"loss", "reconstruction", "bottleneck_loss", "bits_per_pixel"}
    codes = model.encode(images)
    np.testing.assert_allclose(model.decode(codes, images.shape[1:3]), model.reconstruct(images))
    layer = model.bottleneck
    unpacked = layer.unpack(layer.pack(codes))
    np.testing.assert_array_equal(unpacked["indices"], codes["indices"])
    assert Signs.from_config(layer.get_config()).get_config() == layer.get_config()
