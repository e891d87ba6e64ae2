"""Pixel embedders that describe a backbone's features, too."""

import json
import warnings

import keras
import numpy as np
import pytest
from keras import ops
from parameters import torch_alone
from scipy.ndimage import map_coordinates
from sklearn.decomposition import PCA

import umbed_keras as uk
from umbed_keras.models.base import linear_start

numpy = ops.convert_to_numpy
SIZES = {
    "latent_dim": 5,
    "patch_size": 4,
    "pyramid_levels": 2,
    "widths": (8, 12),
    "hidden_units": (16,),
}
VALUES = 2 * 4 * 4 * 3  # of a pyramid
COMPONENTS = 6
WEIGHT = 0.3
SHARES = (0.25, 0.75)
# The second convolution reaches 8 positions of 4 pixels to either side. To the right this includes
# one more position of the first convolution, 2 pixels further, which reaches one pixel more.
REACH = 8 * 4 + 2 + 1
CHANNELS = 5, 7  # of the two maps


def network():
    """Returns a network with feature maps of strides 2 and 4."""
    inputs = keras.Input((None, None, 3))
    fine = keras.layers.Conv2D(5, 3, 2, "same", activation="tanh")(inputs)
    coarse = keras.layers.Conv2D(7, 1, 2)(fine)
    coarse = keras.layers.Conv2D(7, 3, 1, "same", dilation_rate=8, activation="tanh")(coarse)
    return keras.Model(inputs, [fine, coarse])


def make_model(bottleneck=None, reach=REACH, seed=0, **options):
    keras.utils.set_random_seed(seed)
    backbone = uk.layers.ModelBackbone(network(), shares=SHARES, reach=reach)
    options = {"feature_weight": WEIGHT, "feature_components": COMPONENTS, **SIZES, **options}
    return uk.PixelEmbedder(bottleneck=bottleneck, backbone=backbone, **options)


def smooth(count, height, width, seed=0):
    """Returns float images whose neighbouring pixels resemble each other."""
    coarse = np.random.default_rng(seed).random((count, height // 4 + 1, width // 4 + 1, 3))
    return keras.ops.convert_to_numpy(
        ops.image.resize(coarse.astype("float32"), (height, width), data_format="channels_last")
    )


def everywhere(images):
    _, height, width, _ = images.shape
    return [np.tile(axis.ravel(), (len(images), 1)) for axis in np.mgrid[:height, :width]]


def pyramids(images):
    """Returns the pyramids of all pixels, `(n, VALUES)` float64."""
    values = uk.ops.patch_pyramid(images, *everywhere(images), 4, 2)
    return numpy(values).reshape(-1, VALUES).astype("float64")


def features(model, images):
    """Returns the features of all pixels for each map, `(n, channels)` float64.

    Sizes of images are multiples of 4.
    """
    _, height, width, _ = images.shape
    of_maps = []
    for values, stride in zip(model.backbone(images), model.backbone.strides, strict=True):
        positions = [(axis + 0.5) / stride - 0.5 for axis in np.mgrid[:height, :width]]
        enlarged = [
            [map_coordinates(channel, positions, order=1, mode="nearest") for channel in image]
            for image in np.moveaxis(numpy(values).astype("float64"), 3, 1)
        ]
        of_maps.append(np.moveaxis(enlarged, 1, 3).reshape(-1, values.shape[-1]))
    return of_maps


def explained(components, values):
    """Returns the share of the variance of `(n, dim)` values that `(count, dim)` vectors span."""
    basis = np.linalg.qr(components.T)[0]
    centred = values - values.mean(axis=0)
    return np.sum((centred @ basis) ** 2) / np.sum(centred**2)


@pytest.fixture(scope="module")
def images():
    return smooth(4, 24, 32)


@pytest.fixture(scope="module")
def adapted(images):
    """An adapted model for tests that do not change it."""
    model = make_model()
    model.adapt(images)
    return model


@pytest.fixture(scope="module")
def trained(adapted):
    """A model whose U-Net and perceptron are not zero, as after training."""
    model = make_model()
    model.set_weights(adapted.get_weights())
    random = np.random.default_rng(0)
    for dense in (model.unet.head, model.decoder.correction):
        dense.kernel.assign(random.normal(0, 0.1, dense.kernel.shape).astype("float32"))
    return model


def measured(model, images):
    """Returns the outputs of a training step for all pixels of images."""
    rows, cols = everywhere(images)
    return model._compiled(model.call)({"images": images, "rows": rows, "cols": cols})


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 13)], ids=str)
def test_any_height_and_width(trained, size):
    images = smooth(2, *size)
    vectors = trained.embed(images)
    assert vectors.shape == (2, *size, 5)
    assert np.isfinite(vectors).all()
    rebuilt = trained.reconstruct(images)
    assert rebuilt.shape == (2, *size, 3)


def test_embed_is_what_training_sees(trained, images):
    vectors = trained.embed(images)
    means = numpy(measured(trained, images)["codes"]["mean"]).reshape(vectors.shape)
    np.testing.assert_allclose(vectors, means, rtol=0, atol=1e-5 * np.ptp(means))
    # The vectors depend on the features.
    kernel = numpy(trained.features.kernel).copy()
    trained.features.kernel.assign(0 * kernel)
    without = trained.embed(images)
    trained.features.kernel.assign(kernel)
    assert np.abs(vectors - without).max() > 0.1 * np.ptp(vectors)


def test_tiled_equals_untiled(trained):
    images = smooth(1, 9, 250)
    whole = trained.embed(images)
    tiled = trained.embed(images, tile_size=64)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5 * np.ptp(whole))
    large = trained.embed_large(images[0], verbose=0)
    np.testing.assert_allclose(large, whole[0], rtol=0, atol=1e-5 * np.ptp(whole))


def test_tiles_that_see_less_than_the_reach_differ(trained, monkeypatch):
    # This shows that the test above can fail.
    images = smooth(1, 9, 250)
    whole = trained.embed(images)
    monkeypatch.setattr(trained.backbone, "reach", 0)
    assert trained.radius == trained.unet.radius
    tiled = trained.embed(images, tile_size=64)
    assert np.abs(tiled - whole).max() > 1e-3 * np.ptp(whole)


def test_a_whole_number_of_strides_is_seen():
    model = uk.PixelEmbedder(**SIZES)
    assert (model.stride, model.radius) == (4, 16)
    model = make_model(widths=(8, 8, 8, 8, 8))
    assert model.stride == 32
    assert model.radius % 32 == 0
    assert model.radius >= max(model.unet.radius, REACH + 4)


def test_adapt_begins_with_principal_components(adapted, images):
    # In float64, of all pixels. `adapt` draws as many random ones, with replacement.
    flat, maps = pyramids(images), features(adapted, images)
    weighed = [
        part * np.sqrt(share / part.var(axis=0).sum())
        for part, share in zip(maps, SHARES, strict=True)
    ]
    components = PCA(COMPONENTS).fit_transform(np.concatenate(weighed, axis=1))
    components /= np.sqrt(components.var(axis=0).sum())
    both = np.concatenate([flat, np.sqrt(VALUES * WEIGHT) * components], axis=1)
    pca = PCA(5).fit(both)
    latents = pca.transform(both)
    rebuilt = pca.inverse_transform(latents)
    pyramid_error = np.mean((rebuilt - both)[:, :VALUES] ** 2)
    feature_error = np.mean(np.sum((rebuilt - both)[:, VALUES:] ** 2, axis=1)) / (VALUES * WEIGHT)

    # Both span the same space, but for the variance of a sample.
    vectors = adapted.embed(images).reshape(-1, 5).astype("float64")
    for inputs, outputs in ((latents, vectors), (vectors, latents)):
        inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
        residual = outputs - inputs @ np.linalg.lstsq(inputs, outputs)[0]
        assert np.sum(residual**2) < 0.01 * np.sum((outputs - outputs.mean(axis=0)) ** 2)
    # Errors before any training.
    actual = measured(adapted, images)
    loss = float(actual["error"]) + WEIGHT * float(actual["feature_error"])
    assert loss == pytest.approx(pyramid_error + WEIGHT * feature_error, rel=0.02)
    assert float(actual["error"]) == pytest.approx(pyramid_error, rel=0.05)
    assert float(actual["feature_error"]) == pytest.approx(feature_error, rel=0.05)


def test_feature_error_is_the_share_of_variance_not_rebuilt(trained, images, rounding):
    analysis, mean = numpy(trained.features.analysis), numpy(trained.features.mean)
    targets = np.concatenate(features(trained, images), axis=1) @ analysis - mean
    latents = trained.embed(images).reshape(-1, 5).astype("float64")
    decoder = trained.decoder
    hidden = latents / numpy(decoder.scale)
    for dense in decoder.hidden:
        hidden = np.maximum(hidden @ numpy(dense.kernel) + numpy(dense.bias), 0)
    rebuilt = latents @ numpy(decoder.linear.kernel) + numpy(decoder.linear.bias)
    rebuilt = (rebuilt + hidden @ numpy(decoder.correction.kernel))[:, VALUES:]
    squared_error = np.sum((rebuilt - targets) ** 2)
    actual = float(measured(trained, images)["feature_error"])
    assert actual == pytest.approx(squared_error / len(targets), rel=rounding(decoder))
    # `adapt` used a sample of these pixels.
    assert actual == pytest.approx(
        squared_error / np.sum((targets - targets.mean(axis=0)) ** 2), rel=0.02
    )


BOTTLENECKS = {
    "gaussian": lambda: uk.layers.GaussianBottleneck(5),
    "vector": lambda: uk.layers.VectorQuantizer(8, 5),
    "residual": lambda: uk.layers.ResidualVectorQuantizer(8, 5, 2),
    "dictionary": lambda: uk.layers.DictionaryBottleneck(8, 5, 2, coefficient_bits=8),
}


@pytest.mark.parametrize("kind", ["vector", "dictionary", *torch_alone("gaussian", "residual")])
def test_every_bottleneck_learns_encodes_and_decodes(kind, images, monkeypatch, rounding):
    monkeypatch.setattr(linear_start, "ADAPT_SAMPLES", 1000)
    model = make_model(BOTTLENECKS[kind]())
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(images, batch_size=4, pixels_per_image=16, verbose=0).history
    expected = (
        history["reconstruction"][0]
        + WEIGHT * history["feature_error"][0]
        + history["bottleneck_loss"][0]
    )
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)
    small = images[:1, :8, :8]
    rebuilt = model.reconstruct(small)
    actual = model.decode(model.encode(small))
    np.testing.assert_allclose(actual, rebuilt, rtol=0, atol=rounding(model.decoder, rebuilt))


def test_saved_and_loaded(trained, images, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.embed(images), trained.embed(images))
    assert (loaded.feature_weight, loaded.feature_components) == (WEIGHT, COMPONENTS)
    assert loaded.backbone.shares == SHARES


@pytest.mark.torch_alone
def test_a_preset_in_half_precision(tmp_path):
    keras.utils.set_random_seed(0)
    backbone = uk.layers.EfficientNetLite0()
    model = uk.PixelEmbedder(backbone=backbone, feature_weight=0.1, feature_components=8, **SIZES)
    model.features.analysis.assign(np.full(model.features.analysis.shape, 0.1))
    model.save_to_preset(tmp_path / "preset", weights_dtype="float16")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    assert isinstance(loaded.backbone, uk.layers.EfficientNetLite0)
    for weight, other in zip(loaded.weights, model.weights, strict=True):
        # What is fixed stays as it was, such as the analysis of features.
        kept = other is model.features.analysis
        expected = numpy(other) if kept else numpy(other).astype("float16")
        np.testing.assert_array_equal(numpy(weight), expected)
    assert loaded.embed(smooth(1, 8, 8)).shape == (1, 8, 8, 5)
    mixed = uk.PixelEmbedder.from_preset(tmp_path / "preset", dtype="mixed_bfloat16")
    assert mixed.backbone.compute_dtype == mixed.compute_dtype == "bfloat16"


def test_without_a_backbone_the_config_has_no_feature_arguments():
    model = uk.PixelEmbedder(**SIZES, feature_weight=1, feature_components=7)
    assert not {name for name in model.get_config() if "feature" in name or "backbone" in name}
    assert model.decoder.features == 0
    assert "feature_error" not in {metric.name for metric in model.metrics}


def test_tiles_of_an_unknown_reach_raise_a_warning(monkeypatch):
    model = make_model(reach=None, widths=(8,))
    assert model.radius is None
    # The halo is still a whole number of positions of the coarsest map.
    assert model._halo % model.stride == 0
    image = smooth(1, 8, 16)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.embed_large(image, verbose=0)
    monkeypatch.setattr(model, "largest_tile", lambda budget: 8)
    with pytest.warns(UserWarning, match=r"ModelBackbone.*`reach` is None.*tiles") as caught:
        model.embed_large(image, verbose=0)
    assert len([warning for warning in caught if warning.category is UserWarning]) == 1
    monkeypatch.setattr(model.backbone, "reach", REACH)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.embed_large(image, verbose=0)


def test_the_memory_of_a_backbone_makes_tiles_smaller(trained, monkeypatch):
    before = trained.largest_tile(1 << 30)
    monkeypatch.setattr(trained.backbone, "floats_per_pixel", 4096)
    assert 0 < trained.largest_tile(1 << 30) < before / 2


def test_images_of_one_colour_are_adapted_to(monkeypatch):
    monkeypatch.setattr(linear_start, "ADAPT_SAMPLES", 1000)
    model = make_model()
    images = np.full((2, 1, 1, 3), 0.5, "float32")
    model.adapt(images)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert np.isfinite(model.embed(images)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backbone": "EfficientNetLite0"}, TypeError, "Backbone.*'EfficientNetLite0'"),
        ({"backbone": uk.layers.EfficientNetLite0}, TypeError, "Backbone"),
        ({"backbone": network()}, TypeError, "ModelBackbone"),
        ({"backbone": uk.layers.EfficientNetLite0(), "channels": 1}, ValueError, "3 channels"),
        ({"feature_weight": 0}, ValueError, "`feature_weight` must be above 0"),
        ({"feature_weight": float("nan")}, ValueError, "`feature_weight` must be above 0"),
        ({"feature_weight": float("inf")}, ValueError, "`feature_weight` must be above 0"),
        ({"feature_components": 0}, ValueError, "`feature_components` must be an integer >= 1"),
        ({"feature_components": 2.5}, ValueError, "`feature_components` must be an integer >= 1"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        uk.PixelEmbedder(**SIZES, **arguments)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "metrics"])
def metrics(request):
    """Symmetric matrices for the two maps, or None."""
    if not request.param:
        return None
    random = np.random.default_rng(1)
    roots = [random.normal(size=(count, count)) for count in CHANNELS]
    return [root @ root.T for root in roots]


def weighed_features(model, images, metrics):
    """Returns the features of all pixels as principal components see them, float64."""
    maps = features(model, images)
    if metrics:
        maps = [part @ metric for part, metric in zip(maps, metrics, strict=True)]
    shares = zip(maps, SHARES, strict=True)
    return np.concatenate(
        [part * np.sqrt(share / part.var(axis=0).sum()) for part, share in shares], axis=1
    )


def test_vectors_are_principal_components_of_features(images, metrics):
    model = make_model(features_only=True)
    model.adapt(images, metrics)
    # In float64, of all pixels. `adapt` draws as many random ones, with replacement.
    weighed = weighed_features(model, images, metrics)
    weighed -= weighed.mean(axis=0)
    directions = np.linalg.svd(weighed, full_matrices=False)[2][:5]
    expected = weighed @ directions.T
    vectors = model.embed(images).reshape(-1, 5).astype("float64")
    # The bottleneck asks for unit variance.
    np.testing.assert_allclose(vectors.std(axis=0), 1, rtol=0.02)
    residual = vectors - expected @ np.linalg.lstsq(expected, vectors)[0]
    assert np.sum(residual**2) < 0.01 * np.sum(vectors**2)


def test_the_decoder_starts_at_least_squares(images, metrics):
    model = make_model(features_only=True)
    model.adapt(images, metrics)
    vectors = model.embed(images).reshape(-1, 5).astype("float64")
    inputs = np.concatenate([vectors, np.ones((len(vectors), 1))], axis=1)
    targets = pyramids(images)
    residual = targets - inputs @ np.linalg.lstsq(inputs, targets)[0]
    actual = measured(model, images)
    assert float(actual["error"]) == pytest.approx(np.mean(residual**2), rel=0.05)
    # Five of six components are kept, and the weights of the sixth are lost.
    weighed = weighed_features(model, images, metrics)
    variances = np.linalg.svd(weighed - weighed.mean(axis=0))[1][:COMPONENTS] ** 2
    assert float(actual["feature_error"]) == pytest.approx(variances[5] / variances.sum(), rel=0.05)


@pytest.mark.torch_alone
@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_features_alone_with_every_bottleneck(kind, images, monkeypatch, tmp_path):
    monkeypatch.setattr(linear_start, "ADAPT_SAMPLES", 1000)
    model = make_model(BOTTLENECKS[kind](), features_only=True)
    assert (model.unet, model.projection) == (None, None)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(images, batch_size=4, pixels_per_image=16, verbose=0)
    vectors = model.embed(images)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.features_only
    np.testing.assert_array_equal(loaded.embed(images), vectors)


def test_training_on_features_alone_sees_what_embed_returns(images):
    model = make_model(features_only=True)
    model.adapt(images)
    vectors = model.embed(images)
    means = numpy(measured(model, images)["codes"]["mean"]).reshape(vectors.shape)
    np.testing.assert_allclose(vectors, means, rtol=0, atol=1e-5 * np.ptp(means))


@pytest.mark.parametrize("size", [(1, 1), (7, 13)], ids=str)
def test_features_alone_of_any_height_and_width(size):
    model = make_model(features_only=True)
    model.adapt(smooth(2, 8, 8))
    images = smooth(2, *size)
    assert model.embed(images).shape == (2, *size, 5)
    assert model.reconstruct(images).shape == (2, *size, 3)


@pytest.mark.torch_alone
def test_features_alone_in_tiles():
    model, images = make_model(features_only=True), smooth(1, 9, 250)
    model.adapt(images)
    assert model.stride == 4
    whole = model.embed(images)
    tiled = model.embed(images, tile_size=64)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5 * np.ptp(whole))


def test_wrong_feature_arguments_are_refused(images):
    with pytest.raises(ValueError, match="`features_only=True` needs a `backbone`"):
        uk.PixelEmbedder(features_only=True)
    with pytest.raises(ValueError, match=r"`feature_metrics` must be.*\[5, 7\].*\[\(5, 5\)\]"):
        make_model().adapt(images, [np.eye(5)])
    with pytest.raises(ValueError, match=r"`feature_metrics` must be.*\[\] channels"):
        uk.PixelEmbedder(latent_dim=4, widths=(4,)).adapt(images, [np.eye(5)])
