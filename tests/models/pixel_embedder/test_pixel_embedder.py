from functools import cache

import keras
import numpy as np
import pytest
from keras import ops
from parameters import torch_alone

import umbed_keras as uk
from umbed_keras.images.tiles import tile_views


def small_model(kind="dictionary", **kwargs):
    """Returns an untrained model whose U-Net and perceptron are not zero, as they are at first."""
    keras.utils.set_random_seed(1)
    bottleneck = {
        "dictionary": lambda: uk.layers.DictionaryBottleneck(8, 6, 2, coefficient_bits=8),
        "vector": lambda: uk.layers.VectorQuantizer(8, 6),
        "gaussian": lambda: uk.layers.GaussianBottleneck(6),
    }[kind]()
    model = uk.PixelEmbedder(
        latent_dim=6,
        patch_size=4,
        pyramid_levels=2,
        bottleneck=bottleneck,
        widths=(8, 12, 16),
        hidden_units=(16,),
        pixels_per_image=32,
        **kwargs,
    )
    random = np.random.default_rng(0)
    for dense in (model.unet.head, model.decoder.correction):
        dense.kernel.assign(random.normal(0, 0.1, dense.kernel.shape).astype("float32"))
    return model


@cache
def ready_model(kind="dictionary"):
    """Returns one model for all tests that do not change it, so that it compiles once."""
    model = small_model(kind)
    model.compile(optimizer="adam")
    return model


def photographs(count=6, height=32, width=40, seed=0):
    """Returns smooth random uint8 images: neighbouring pixels resemble each other."""
    random = np.random.default_rng(seed)
    coarse = random.random((count, 6, 6, 3))
    rows, cols = np.linspace(0, 4.99, height), np.linspace(0, 4.99, width)
    top, left = rows.astype(int), cols.astype(int)
    down, right = (rows - top)[None, :, None, None], (cols - left)[None, None, :, None]
    above = coarse[:, top][:, :, left] * (1 - right) + coarse[:, top][:, :, left + 1] * right
    below = (
        coarse[:, top + 1][:, :, left] * (1 - right) + coarse[:, top + 1][:, :, left + 1] * right
    )
    return np.round(255 * (above * (1 - down) + below * down)).astype("uint8")


KINDS = ("dictionary", "vector", "gaussian")


@pytest.mark.parametrize("kind", KINDS)
def test_call_predict_and_embed_agree(kind):
    model, images = ready_model(kind), photographs()
    vectors = model.embed(images)
    assert vectors.shape == (6, 32, 40, 6)
    assert vectors.dtype == np.float32
    spread = np.ptp(vectors)
    for other in (ops.convert_to_numpy(model(images)), model.predict(images, verbose=0)):
        same = np.abs(other - vectors).max(axis=-1) <= 1e-4 * spread
        assert same.mean() >= 0.999


def test_unquantized_embedding_is_the_input_of_the_bottleneck():
    model, images = ready_model(), photographs()
    continuous = model.embed(images, quantized=False)
    quantized = ops.convert_to_numpy(model.bottleneck(continuous)["latents"])
    same = np.abs(quantized - model.embed(images)).max(axis=-1) <= 1e-4 * np.ptp(quantized)
    assert same.mean() >= 0.999


@pytest.mark.parametrize("size", [(1, 1), (7, 13), *torch_alone((1, 9), (100, 250), (8, 8))])
def test_any_height_and_width(size):
    model = ready_model()
    images = photographs(2, *size)
    vectors = model.embed(images)
    assert vectors.shape == (2, *size, 6)
    assert vectors.flags.writeable
    assert vectors.flags.c_contiguous
    assert model.reconstruct(images).shape == (2, *size, 3)
    assert model.predict(images, verbose=0).shape == (2, *size, 6)


def test_an_embedding_is_a_function_of_the_image_alone():
    model, images = ready_model(), photographs()
    together = model.embed(images, quantized=False)
    alone = model.embed(images[2:3], quantized=False)
    np.testing.assert_allclose(together[2:3], alone, atol=1e-5 * np.ptp(together))


@pytest.mark.parametrize("size", [(100, 75), *torch_alone((64, 130))])
def test_tiled_equals_untiled(size):
    model, images = ready_model(), photographs(1, *size)
    whole = model.embed(images, quantized=False)
    tiled = model.embed(images, quantized=False, tile_size=32)
    np.testing.assert_allclose(tiled, whole, atol=1e-5 * np.ptp(whole))
    codes, tiled_codes = model.encode(images), model.encode(images, tile_size=32)
    assert np.mean(codes["indices"] == tiled_codes["indices"]) >= 0.9999


def test_tiles_without_their_halo_differ():
    # This shows that the test above can fail.
    model, images = ready_model(), photographs(1, 100, 75)
    tile = slice(0, 1), slice(0, 32), slice(32, 64)
    inputs = tile_views(images, tile, model.unet.stride, halo=0, reach=4)
    whole = model.embed(images, quantized=False)
    part = ops.convert_to_numpy(model._latents(*inputs))
    assert np.abs(part - whole[tile]).max() > 1e-3 * np.ptp(whole)


def test_uint8_and_floats_are_the_same_images():
    model, images = ready_model(), photographs()
    expected = model.embed(images, quantized=False)
    spread = np.ptp(expected)
    from_floats = model.embed(images.astype("float32") / 255, quantized=False)
    np.testing.assert_allclose(from_floats, expected, atol=1e-5 * spread)
    halves = model.embed((images / 255).astype("float16"), quantized=False)
    np.testing.assert_allclose(halves, expected, atol=0.01 * spread)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 8, 8, 3), "float32") + 255, ValueError, "0..1"),
        (np.full((2, 8, 8, 3), np.nan, "float32"), ValueError, "0..1"),
        (np.zeros((2, 8, 8, 3), "int64"), TypeError, "uint8"),
        (np.zeros((8, 8, 3), "uint8"), ValueError, r"images\[None\]"),
        (np.zeros((8, 8), "uint8"), ValueError, "batch, height, width, channels"),
        (np.zeros((2, 8, 8, 4), "uint8"), ValueError, "3 channels"),
        (np.zeros((2, 0, 8, 3), "uint8"), ValueError, "pixels"),
    ],
)
@pytest.mark.parametrize("method", ["embed", "encode", "reconstruct", "predict", "fit"])
def test_invalid_images_are_refused(images, error, message, method):
    with pytest.raises(error, match=message):
        getattr(ready_model(), method)(images)


def test_a_call_on_one_image_says_how_to_add_the_batch_axis():
    with pytest.raises(ValueError, match=r"images\[None\]"):
        ready_model()(np.zeros((8, 8, 3), "uint8"))


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_codes_reconstructs(kind, rounding):
    model, images = ready_model(kind), photographs(2)
    codes = model.encode(images)
    assert all(part.shape[:3] == (2, 32, 40) for part in codes.values())
    rebuilt = model.reconstruct(images)
    np.testing.assert_allclose(model.decode(codes), rebuilt, atol=rounding(model.decoder, rebuilt))
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1


def test_reconstruct_is_the_mean_of_overlapping_patches(rounding):
    model, images = ready_model(), photographs(1, 9, 7)
    rows, cols = (positions.reshape(1, -1) for positions in np.indices((9, 7)))
    patches = model.reconstruct_patches(images, rows, cols)[:, :, 0]
    sums, counts = np.zeros((9, 7, 3)), np.zeros((9, 7, 1))
    for row, col, patch in zip(rows[0], cols[0], patches[0], strict=True):
        for down in range(4):
            for right in range(4):
                position = row + down - 2, col + right - 2
                if 0 <= position[0] < 9 and 0 <= position[1] < 7:
                    sums[position] += patch[down, right]
                    counts[position] += 1
    tolerance = rounding(model.decoder, sums / counts)
    np.testing.assert_allclose(model.reconstruct(images)[0], sums / counts, atol=tolerance)


def test_reconstructed_patches_have_the_pyramid_shape_and_range():
    model, images = ready_model(), photographs(2)
    patches = model.reconstruct_patches(images, [[0, 31], [3, 4]], [[0, 39], [5, 6]])
    assert patches.shape == (2, 2, 2, 4, 4, 3)
    assert patches.min() >= 0
    assert patches.max() <= 1


@pytest.mark.parametrize(
    ("rows", "cols", "message"),
    [
        ([[32]], [[0]], "0..31"),
        ([[-1]], [[0]], "0..31"),
        ([[0]], [[40]], "0..39"),
        ([[0.5]], [[0]], "integers"),
        ([0], [0], "batch, pixels"),
        ([[0, 1]], [[0]], "one shape"),
    ],
)
def test_pixels_outside_the_image_are_refused(rows, cols, message):
    with pytest.raises(ValueError, match=message):
        ready_model().reconstruct_patches(photographs(1), rows, cols)


@pytest.mark.torch_alone
def test_adapt_starts_at_pca():
    from sklearn.decomposition import PCA

    images = photographs(8, seed=3)
    model = uk.PixelEmbedder(latent_dim=5, patch_size=4, pyramid_levels=2)
    model.adapt(images)
    rows, cols = (positions.reshape(1, -1).repeat(8, 0) for positions in np.indices((32, 40)))
    floats = images.astype("float32") / 255
    pyramids = ops.convert_to_numpy(uk.ops.patch_pyramid(floats, rows, cols, 4, 2))
    flat = pyramids.reshape(-1, 96).astype("float64")
    pca = PCA(5).fit(flat)
    best = np.mean((pca.inverse_transform(pca.transform(flat)) - flat) ** 2)
    ours = np.mean((model.reconstruct_patches(images, rows, cols).reshape(-1, 96) - flat) ** 2)
    # `adapt` uses a sample of the pixels, so the error on all of them is a little larger.
    assert ours <= 1.05 * best


@pytest.mark.parametrize("kind", ["dictionary", *torch_alone("vector", "gaussian")])
def test_fit_lowers_the_error_of_other_images(kind):
    model = small_model(kind, seed=2)
    images, others = photographs(24, seed=5), photographs(4, seed=6)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), metrics=["mse"])
    model.adapt(images)
    before = model.evaluate(others, verbose=0, return_dict=True)
    history = model.fit(images, batch_size=8, epochs=10, verbose=0).history
    after = model.evaluate(others, verbose=0, return_dict=True)
    assert after["reconstruction"] < 0.9 * before["reconstruction"]
    # Metrics receive values clipped to 0..1, which can only be nearer.
    assert 0.9 * after["reconstruction"] < after["mse"] <= 1.001 * after["reconstruction"]
    names = {"loss", "reconstruction", "bottleneck_loss", "bits_per_pixel"}
    if kind != "gaussian":
        names |= {"perplexity", "fraction_used"}
        assert 1 <= after["perplexity"] <= 8
        assert 0 < after["fraction_used"] <= 1
    assert names <= set(history)


def test_compile_needs_no_loss_and_fit_adapts():
    model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=2, widths=(8, 8))
    model.compile(optimizer="adam")
    assert not model.adapted_already
    model.fit(photographs(4), verbose=0, pixels_per_image=8, batch_size=2)
    assert model.adapted_already
    assert model.pixels_per_image == 512


def test_evaluate_looks_at_the_same_pixels_every_time():
    model, images = ready_model("gaussian"), photographs()
    first, second = (model.evaluate(images, verbose=0, return_dict=True) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("kind", KINDS)
def test_config_and_saved_model_round_trip(kind, tmp_path):
    model, images = ready_model(kind), photographs(2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
    twin = uk.PixelEmbedder.from_config(model.get_config())
    assert twin.count_params() == model.count_params()
    assert twin.get_config() == model.get_config()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", *torch_alone("mixed_float16")])
def test_mixed_precision_trains_and_stays_close(policy):
    images = photographs(8)
    plain, mixed = small_model(), small_model(dtype=policy)
    for model in (plain, mixed):
        model.adapt(images)
    near = mixed.embed(images, quantized=False) - plain.embed(images, quantized=False)
    assert np.abs(near).max() < 0.05 * np.ptp(plain.embed(images, quantized=False))
    mixed.compile(optimizer="adam")
    history = mixed.fit(images, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_size": 5}, "even"),
        ({"pyramid_levels": 0}, "levels"),
        ({"pixels_per_image": 0}, "pixels_per_image"),
        ({"latent_dim": 0}, "latent_dim"),
        ({"widths": ()}, "widths"),
        ({"hidden_units": ()}, "hidden_units"),
        ({"seed": None}, "seed"),
        ({"latent_dim": 8, "bottleneck": uk.layers.VectorQuantizer(4, 6)}, "latent_dim"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        uk.PixelEmbedder(**arguments)


@pytest.mark.parametrize("policy", ["mixed_float16", *torch_alone("mixed_bfloat16")])
def test_mixed_precision_reconstructs(policy):
    images = photographs(1)
    # Continuous latents: a near-tie between codes may fall the other way in half precision.
    mixed, plain = small_model("gaussian", dtype=policy), small_model("gaussian")
    for model in (mixed, plain):
        model.adapt(images)
    # Of values in 0..1.
    np.testing.assert_allclose(mixed.reconstruct(images), plain.reconstruct(images), atol=0.05)


def test_an_empty_batch_has_empty_vectors():
    assert ready_model().embed(np.zeros((0, 16, 16, 3), "uint8")).shape == (0, 16, 16, 6)


def test_codes_of_another_bottleneck_are_refused():
    with pytest.raises(ValueError, match="coefficients"):
        ready_model().decode({})
    with pytest.raises(ValueError, match="shape"):
        ready_model().decode({"indices": [1], "coefficients": [1.0]})
