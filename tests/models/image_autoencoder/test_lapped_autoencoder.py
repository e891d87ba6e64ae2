import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.codec.integer_context import IntegerContext

# Two groups of channels in the context: every further one has a graph of its own to compile.
SMALL = {"latent_dim": 6, "filters": 4, "residual_blocks": 1, "context_units": 4}
numpy = ops.convert_to_numpy


def photographs(count=8, height=24, width=32, seed=0):
    """Smooth random uint8 images with a little grain."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, height // 8, width // 8, 3)).astype("float32")
    smooth = numpy(ops.image.resize(coarse, (height, width), "bilinear"))
    grain = random.normal(0, 4, smooth.shape)
    return np.clip(np.round(smooth + grain), 0, 255).astype("uint8")


@pytest.fixture(scope="module")
def trained():
    """A model after a few steps of training, and their history."""
    keras.utils.set_random_seed(0)
    model = uk.LappedAutoencoder(2e-3, **SMALL)
    model.compile(keras.optimizers.Adam(3e-3, epsilon=1e-12))
    history = model.fit(photographs(32), batch_size=8, epochs=6, verbose=0).history
    # So large that its effect is tested.
    kernel = model.decoder.exit.kernel
    kernel.assign(np.random.default_rng(0).normal(0, 0.05, kernel.shape))
    return model, history


@pytest.fixture
def model(trained):
    return trained[0]


def test_fit_lowers_rate_and_distortion(trained):
    _, history = trained
    assert history["loss"][-1] < 0.95 * history["loss"][0]


@pytest.mark.torch_alone
def test_it_starts_at_transform_coding():
    """With a complete basis and fine steps only rounding causes errors."""
    images = photographs(8)
    model = uk.LappedAutoencoder(1e-6, 192, filters=4, residual_blocks=0, context_units=0)
    model.adapt(images)
    errors = model.reconstruct(images) - images / 255.0
    step = numpy(model.bottleneck.steps).max()
    # Of an orthonormal transform: errors of latents are those of images.
    assert 0.5 * step**2 / 12 < np.mean(errors**2) < 1.5 * step**2 / 12


def test_decoded_codes_are_the_reconstruction(model, rounding):
    images = photographs(3)
    codes = model.encode(images)
    assert codes["indices"].shape == (3, 3, 4, 6)
    rebuilt = model.decode(codes)
    np.testing.assert_allclose(
        model.reconstruct(images), rebuilt, atol=rounding(model.decoder, rebuilt)
    )


@pytest.mark.parametrize("size", [(1, 1), (13, 18)], ids=str)
def test_any_size_comes_back(model, size):
    images = photographs(2)[:, : size[0], : size[1]]
    codes = model.encode(images)
    assert codes["indices"].shape[1:3] == tuple(-(-side // 8) for side in size)
    assert model.decode(codes, size).shape == images.shape


def test_the_loss_is_distortion_and_weighted_bits_per_pixel(model):
    images = photographs(8)
    report = model.evaluate(images, verbose=0, return_dict=True)
    codes = model.encode(images)
    mse = np.mean((numpy(model(images)) - images / 255.0) ** 2)
    passes = IntegerContext(model.bottleneck.context)
    bits = sum(map(passes.code_length, codes["indices"])) / images[..., 0].size
    assert report["reconstruction"] == pytest.approx(mse, rel=1e-3)
    assert report["bits_per_pixel"] == pytest.approx(bits, rel=0.02)
    expected = report["reconstruction"] + 2e-3 * report["bits_per_pixel"]
    assert report["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.torch_alone
def test_a_preset_gives_the_same_codes(model, tmp_path):
    images = photographs(2)
    model.save_to_preset(tmp_path / "preset", weights_dtype="float16")
    loaded = uk.LappedAutoencoder.from_preset(tmp_path / "preset")
    assert loaded.get_config() == model.get_config()
    again = uk.LappedAutoencoder.from_preset(tmp_path / "preset")
    codes = loaded.encode(images)
    np.testing.assert_array_equal(codes["indices"], again.encode(images)["indices"])
    assert np.mean(codes["indices"] == model.encode(images)["indices"]) > 0.95
    other = uk.LappedAutoencoder.from_preset(tmp_path / "preset", rate_weight=4e-3)
    assert other.bottleneck.rate_weight == pytest.approx(4e-3 / 64)


def test_bad_arguments():
    for arguments in ({"rate_weight": 0}, {"latent_dim": 0}, {"context_units": -1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            uk.LappedAutoencoder(**arguments)


@pytest.mark.parametrize("name", ["patch_size", "residual_units", "bottleneck"])
def test_it_has_no_arguments_of_the_convolutional_autoencoder(model, name):
    assert name not in model.get_config()
    with pytest.raises((TypeError, ValueError), match=name):
        uk.LappedAutoencoder(**SMALL, **{name: 2})


def test_it_is_no_convolutional_autoencoder(model):
    assert not isinstance(model, uk.ImageAutoencoder)
