import functools

import keras
import numpy as np
import pytest
from keras import ops
from parameters import torch_alone

import umbed_keras as uk

SMALL = {"latent_dim": 6, "filters": 8, "residual_units": 4, "residual_blocks": 1}
MODELS = {
    "vqvae": functools.partial(uk.VQVAE, 16, **SMALL),
    "rvqvae": functools.partial(uk.RVQVAE, 8, num_quantizers=2, **SMALL),
    "dlvae": functools.partial(uk.DLVAE, 12, sparsity=2, **SMALL),
    "patches": functools.partial(uk.DLVAE, 12, sparsity=2, patch_size=2, **SMALL),
}
# JAX compiles every model for every shape, which takes its time.
TRAINED = ("rvqvae", "patches")
every_kind = pytest.mark.parametrize("make", [MODELS[name] for name in TRAINED], ids=TRAINED)
numpy = ops.convert_to_numpy


def photographs(count=8, height=24, width=32, seed=0):
    """Smooth random uint8 images."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, height // 8, width // 8, 3), dtype="uint8")
    resized = ops.image.resize(coarse.astype("float32"), (height, width), "bilinear")
    return np.round(numpy(resized)).astype("uint8")


def ready(make, **kwargs):
    """Returns an adapted model whose networks do not give zero, as they do at first."""
    keras.utils.set_random_seed(1)
    model = make(**kwargs)
    model.adapt(photographs())
    random = np.random.default_rng(0)
    for kernel in (model.encoder.head.kernel, model.decoder.up[-1].kernel):
        kernel.assign(random.normal(0, 0.02, kernel.shape).astype("float32"))
    return model


@pytest.fixture(scope="module")
def models():
    """One model of each kind for all tests that change no weights, so that it compiles once."""
    models = {name: ready(make) for name, make in MODELS.items()}
    for model in models.values():
        model.compile(optimizer="adam")
    return models


@pytest.mark.parametrize("name", [*TRAINED, *torch_alone("vqvae", "dlvae")])
def test_decoded_codes_are_the_reconstruction(models, rounding, name):
    model, images = models[name], photographs()
    codes = model.encode(images)
    assert set(codes) == set(model.bottleneck.code_spec())
    grid = (8, 24 // model.stride, 32 // model.stride)
    assert all(part.shape[:3] == grid for part in codes.values())
    assert codes["indices"].dtype == np.int32
    rebuilt = model.decode(codes)
    assert rebuilt.shape == images.shape
    assert rebuilt.dtype == np.float32
    assert 0 <= rebuilt.min() <= rebuilt.max() <= 1
    for other in (model.reconstruct(images), np.clip(model.predict(images, verbose=0), 0, 1)):
        same = np.abs(other - rebuilt).max(axis=-1) <= rounding(model, rebuilt)
        assert same.mean() > 0.99


@pytest.mark.parametrize(("name", "size"), [("vqvae", (1, 1)), ("patches", (13, 18))], ids=str)
def test_any_size_comes_back(models, rounding, name, size):
    model, images = models[name], photographs(2)[:, : size[0], : size[1]]
    codes = model.encode(images)
    expected = tuple(-(-side // model.stride) for side in size)
    assert codes["indices"].shape[1:3] == expected
    assert model.decode(codes).shape[1:3] == tuple(model.stride * side for side in expected)
    rebuilt = model.decode(codes, size)
    assert rebuilt.shape == images.shape
    tolerance = rounding(model, rebuilt)
    np.testing.assert_allclose(model.reconstruct(images), rebuilt, atol=tolerance)


@pytest.mark.parametrize("name", TRAINED)
def test_an_image_alone_has_the_codes_it_has_in_a_batch(models, name):
    model, images = models[name], photographs(12)
    together = model.encode(images, batch_size=12)["indices"]
    alone = np.concatenate([model.encode(image[None])["indices"] for image in images])
    other = model.encode(images[::-1], batch_size=12)["indices"][::-1]
    assert np.mean(alone == together) > 0.9999
    assert np.mean(other == together) > 0.9999


def test_no_images_have_no_codes(models):
    codes = models["dlvae"].encode(photographs()[:0])
    assert codes["indices"].shape == (0, 6, 8, 2)
    assert models["dlvae"].decode(codes).shape == (0, 24, 32, 3)


@pytest.mark.torch_alone
def test_an_error_in_latents_equals_the_error_of_the_picture_at_first():
    images = photographs(16)
    model = uk.VQVAE(16, 48, filters=8, residual_units=4)
    model.adapt(images)
    outputs = model({"images": ops.convert_to_tensor(images)})
    np.testing.assert_allclose(float(outputs["loss"]), float(outputs["error"]), rtol=1e-3)


def test_fit_lowers_the_error():
    model = ready(MODELS["patches"], seed=3)
    model.compile(keras.optimizers.Adam(3e-3), metrics=[uk.metrics.PSNR()])
    history = model.fit(
        photographs(32), batch_size=8, epochs=6, validation_data=photographs(8), verbose=0
    ).history
    assert history["reconstruction"][-1] < 0.95 * history["reconstruction"][0]
    assert {"loss", "psnr", "bits_per_pixel", "perplexity", "fraction_used"} <= set(history)
    evaluated = model.evaluate(photographs(8), verbose=0, return_dict=True)
    np.testing.assert_allclose(evaluated["loss"], history["val_loss"][-1], rtol=1e-3)
    mse = np.mean((model.reconstruct(photographs(8)) - photographs(8) / 255) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(evaluated["psnr"], np.mean(-10 * np.log10(mse)), rtol=1e-3)
    expected = float(model.bottleneck.bits(model.encode(photographs(8))).fixed_length)
    assert evaluated["bits_per_pixel"] == pytest.approx(expected / model.stride**2)


def test_images_of_changing_sizes_train():
    """The graphs of TensorFlow then have unknown sizes."""
    batches = [photographs(4), photographs(4, 16, 24)[:, :13, :18]]
    model = MODELS["patches"]()
    model.compile("adam", metrics=[uk.metrics.PSNR()])
    history = model.fit(batches, epochs=1, verbose=0).history
    # A code of 2 ordered atoms of 12, 8 bits a coefficient, for 8 x 8 pixels and what is left over.
    codes = (3 * 4 / (24 * 32), 2 * 3 / (13 * 18))
    assert history["bits_per_pixel"][0] == pytest.approx(np.mean(codes) * 2 * (4 + 8), rel=1e-5)


def test_statistics_stay_whole_in_half_precision():
    model = MODELS["vqvae"](dtype="float16")
    norm = model.encoder.blocks[0].norms[0]
    assert {weight.dtype for weight in norm.non_trainable_weights} == {"float32"}
    assert model.encoder.middle.kernel.dtype == "float16"


@pytest.mark.torch_alone
def test_losses_are_those_of_their_weights():
    images = photographs(4)
    outputs = {}
    for name in ("mse_weight", "l1_weight", "edge_weight"):
        weights = {"mse_weight": 0.0, name: 2.0}
        model = ready(functools.partial(MODELS["vqvae"], **weights))
        outputs[name] = model({"images": ops.convert_to_tensor(images)})
    error = numpy(outputs["mse_weight"]["rebuilt"]) - images / 255.0
    expected = {"mse_weight": 2 * np.mean(error**2), "l1_weight": 2 * np.mean(np.abs(error))}
    padded = np.pad(error, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    down, right = padded[:, 2:] - padded[:, :-2], padded[:, :, 2:] - padded[:, :, :-2]
    down = (down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]) / 8
    right = (right[:, :-2] + 2 * right[:, 1:-1] + right[:, 2:]) / 8
    expected["edge_weight"] = 2 * np.mean(np.abs([down, right]))
    for name, value in expected.items():
        np.testing.assert_allclose(float(outputs[name]["error"]), value, rtol=1e-4)


@every_kind
def test_saved_models_are_the_same(make, tmp_path, rounding):
    model, images = ready(make), photographs(2)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    expected = model.reconstruct(images)
    for loaded in (
        keras.saving.load_model(tmp_path / "model.keras"),
        keras.saving.load_model(tmp_path / "preset"),
        type(model).from_preset(tmp_path / "preset"),
    ):
        assert loaded.get_config() == model.get_config()
        tolerance = rounding(model, expected)
        np.testing.assert_allclose(loaded.reconstruct(images), expected, atol=tolerance)


def test_any_bottleneck_fits(rounding):
    bottleneck = uk.layers.GaussianBottleneck(6 * 4)
    model = uk.ImageAutoencoder(bottleneck, patch_size=2, filters=8, residual_units=4)
    model.adapt(photographs())
    codes = model.encode(photographs(2))
    assert codes["mean"].shape == (2, 3, 4, 24)
    # A start of small variance, for every entry.
    np.testing.assert_allclose(codes["log_variance"], -4, atol=rounding(model.encoder, 4))
    copy = uk.ImageAutoencoder.from_config(model.get_config())
    assert copy.get_config() == model.get_config()


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_config_round_trip(make):
    model = make(name="mine", lpips_weight=0.5, seed=3)
    copy = type(model).from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert copy.bottleneck.get_config() == model.bottleneck.get_config()


def test_defaults_are_lasers():
    models = uk.VQVAE(), uk.RVQVAE(), uk.DLVAE()
    assert [model.stride for model in models] == [4, 4, 4]
    assert [model.latent_dim for model in models] == [64, 64, 64]
    assert [model.bottleneck.num_entries for model in models] == [512, 3 * 512, 512]
    trained = sum(int(np.prod(weight.shape)) for weight in models[2].trainable_weights)
    assert trained == 1_007_811


def test_mixed_precision_keeps_images_and_codes_whole(models):
    model = ready(functools.partial(MODELS["dlvae"], dtype="mixed_bfloat16"))
    single = models["dlvae"]
    outputs = model({"images": ops.convert_to_tensor(photographs())})
    assert ops.dtype(outputs["rebuilt"]) == "float32"
    assert ops.dtype(outputs["codes"]["coefficients"]) == "float32"
    difference = model.reconstruct(photographs()) - single.reconstruct(photographs())
    assert np.sqrt(np.mean(difference**2)) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters"),
        ({"downsamplings": 1.5}, "downsamplings"),
        ({"residual_blocks": -1}, "residual_blocks"),
        ({"patch_size": 0}, "patch_size"),
        ({"mse_weight": -1.0}, "mse_weight"),
        ({"mse_weight": 0.0}, "above 0"),
        ({"seed": -1}, "seed"),
    ],
    ids=str,
)
def test_bad_arguments(arguments, message):
    bottleneck = uk.layers.VectorQuantizer(8, 6)
    with pytest.raises(ValueError, match=message):
        uk.ImageAutoencoder(bottleneck, **arguments)
    with pytest.raises(ValueError, match="multiple"):
        uk.ImageAutoencoder(bottleneck, patch_size=4)


def test_bad_input(models):
    model, images = models["vqvae"], photographs(2)
    codes = model.encode(images)
    with pytest.raises(ValueError, match="channels"):
        model.encode(images[..., :1])
    with pytest.raises(TypeError, match="uint8"):
        model.reconstruct(images.astype("int32"))
    with pytest.raises(ValueError, match="size"):
        model.decode(codes, (25, 32))
    with pytest.raises(ValueError, match="keys"):
        model.decode({**codes, "coefficients": codes["indices"]})
    with pytest.raises(ValueError, match="batch_size"):
        model.encode(images, batch_size=0)
    with pytest.raises(ValueError, match="VQVAE"):
        uk.VQVAE.from_preset("celeba_vae_d16")
