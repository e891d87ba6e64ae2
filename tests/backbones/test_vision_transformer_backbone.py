"""Networks of tokens and of one input size as backbones, small ones with random weights."""

import keras
import numpy as np
import pytest
from keras import ops

import umbed_keras as uk
from umbed_keras.backbones.vision_transformer_backbone import VisionTransformerBackbone

numpy = ops.convert_to_numpy
DIM = 8


def noise(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, "float32")


@keras.saving.register_keras_serializable(package="tests")
class Tokens(keras.layers.Layer):
    """Tokens of a map, after a class token and registers, with positions added to them."""

    def __init__(self, prefix=0, rows=4, **kwargs):
        super().__init__(**kwargs)
        self.prefix, self.rows = prefix, rows
        self.positions = self.add_weight((1, rows * rows, DIM), "random_normal")
        self.others = self.add_weight((1, max(prefix, 1), DIM), "random_normal")

    def call(self, maps):
        tokens = ops.reshape(maps, (-1, self.rows**2, DIM)) + self.positions
        others = ops.tile(self.others[:, : self.prefix], (ops.shape(tokens)[0], 1, 1))
        return ops.concatenate([others, tokens], axis=1)

    def get_config(self):
        return {**super().get_config(), "prefix": self.prefix, "rows": self.rows}


def transformer(size=64, patch=16, prefix=0, named_input=False):
    """One block of global attention."""
    keras.utils.set_random_seed(0)
    images = keras.Input((size, size, 3))
    maps = keras.layers.Conv2D(DIM, patch, patch)(images)
    tokens = Tokens(prefix, size // patch, name="tokens")(maps)
    mixed = keras.layers.MultiHeadAttention(2, 4)(tokens, tokens)
    tokens = keras.layers.Add(name="block")([tokens, mixed])
    pooled = keras.layers.GlobalAveragePooling1D(name="pooled")(tokens)
    return keras.Model({"images": images} if named_input else images, [tokens, pooled][:1])


def embedder(backbone, **options):
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        widths=(8, 8),
        hidden_units=(8,),
        backbone=backbone,
        feature_components=6,
        **options,
    )
    # Before, the vectors do not depend on the features.
    model.adapt(noise(2, 128, 96, 3, seed=5))
    return model


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_of_its_own_size_the_map_is_that_of_the_network(prefix, rounding):
    network = transformer(prefix=prefix, named_input=prefix == 1)
    # As networks of KerasHub say it.
    network.patch_size = 16
    backbone = VisionTransformerBackbone(network)
    assert (backbone.window, backbone.strides, backbone.channels) == (64, (16,), (DIM,))
    images = noise(2, 64, 64, 3)
    tokens = network({"images": images} if prefix == 1 else images)
    tokens = numpy(keras.tree.flatten(tokens)[0])
    (actual,) = backbone(images)
    expected = tokens[:, prefix:].reshape(2, 4, 4, DIM)
    np.testing.assert_allclose(numpy(actual), expected, atol=rounding(3 * 16 * 16, expected))


@pytest.mark.torch_alone
def test_the_model_says_how_many_channels_images_have(rounding):
    model = keras.Sequential([keras.Input((32, 32, 2)), keras.layers.Conv2D(DIM, 8, 8)])
    backbone = VisionTransformerBackbone(model, preprocessing=(0.5, (0.5, 0.25)))
    assert backbone.image_channels == 2
    images = noise(1, 32, 32, 2)
    expected = numpy(model((images - 0.5) / np.float32([0.5, 0.25])))
    np.testing.assert_allclose(numpy(backbone(images)[0]), expected, atol=rounding(128, expected))


@pytest.mark.torch_alone
def test_layers_are_chosen_by_name():
    network = transformer()
    backbone = VisionTransformerBackbone(network, layers=["tokens", "block"])
    assert backbone.channels == (DIM, DIM)
    with pytest.raises(ValueError, match=r"`layers` must be names.*'blok'.*block"):
        VisionTransformerBackbone(network, layers=["blok"])


def test_tiles_equal_the_whole(rounding):
    model = embedder(VisionTransformerBackbone(transformer(patch=8)))
    assert (model.stride, model.radius) == (32, 64)
    image = noise(1, 150, 220, 3)
    whole = model.embed(image, tile_size=1024)
    tiles = model.embed(image, tile_size=32)
    bound = rounding(3 * 8 * 8, whole)
    np.testing.assert_allclose(tiles, whole, atol=bound)
    window = model.embed_window(image[0], slice(32, 64), slice(96, 110))
    np.testing.assert_allclose(window, whole[0, 32:64, 96:110], atol=bound)


@pytest.mark.torch_alone
def test_features_show_no_seam():
    """Steps of the features between positions are as large at the borders of windows as elsewhere.

    A smooth image whose windows would otherwise meet at multiples of their size.
    """
    backbone = VisionTransformerBackbone(transformer(size=64, patch=8))
    rows, cols = np.mgrid[:256, :256] / 256
    image = np.stack([rows, cols, 0.5 + 0 * rows], axis=-1)[None].astype("float32")
    (features,) = backbone(image)
    # Positions repeat with the windows, whose period is half a window, 4 positions.
    steps = np.abs(np.diff(numpy(features)[0], axis=1)).mean(axis=(0, 2))[4:-4]
    by_phase = [steps[phase::4].mean() for phase in range(4)]
    assert max(by_phase) < 2 * min(by_phase)


def test_saved_models_are_the_same(tmp_path, rounding):
    model = embedder(VisionTransformerBackbone(transformer(prefix=1), preprocessing=(0.5, 0.25)))
    image = noise(1, 70, 64, 3)
    model.compile("adam")
    model.fit(noise(2, 64, 64, 3), epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.embed(image)
    np.testing.assert_allclose(loaded.embed(image), expected, atol=rounding(1000, expected))


@pytest.mark.torch_alone
def test_exported_files_take_any_number_of_windows(tmp_path, rounding):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    # With onnx 1.17 the export of these graphs ends in an error.
    pytest.importorskip("onnx", minversion="1.18")
    backbone = VisionTransformerBackbone(transformer(prefix=1))
    model = embedder(backbone, features_only=True)
    # Models that were used in several ways are exported, too.
    model.encode(noise(1, 64, 51, 3))
    model.export_onnx(tmp_path / "model.onnx", "embed")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    # One window, two of them, and three times five.
    for shape in [(1, 64, 51), (1, 70, 30), (2, 128, 190)]:
        images = noise(*shape, 3)
        (vectors,) = session.run(None, {"images": images})
        expected = model.embed(images)
        np.testing.assert_allclose(vectors, expected, atol=rounding(1000, expected))


@pytest.mark.torch_alone
def test_any_size_is_seen_in_windows_of_448(rounding):
    network = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(5, 16, 16)])
    backbone = VisionTransformerBackbone(network)
    assert (backbone.window, backbone.strides) == (448, (16,))
    for size in [(48, 80), (464, 480)]:
        images = noise(1, *size, 3)
        expected = numpy(network(images))
        (actual,) = backbone(images)
        # One convolution knows nothing of windows.
        np.testing.assert_allclose(numpy(actual), expected, atol=rounding(768, expected))


REFUSED = {
    "one vector": (
        lambda: keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten()]),
        {},
    ),
    "not square": (lambda: keras.Sequential([keras.Input((64, 32, 3)), keras.layers.ReLU()]), {}),
    "another window": (transformer, {"window": 128}),
    "another patch": (transformer, {"patch_size": 24}),
    "no deviation": (transformer, {"preprocessing": (0.5, 0.0)}),
    "no layers": (transformer, {"layers": []}),
}


@pytest.mark.torch_alone
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case):
    make, arguments = REFUSED[case]
    with pytest.raises(ValueError, match=r"Received: |must be"):
        VisionTransformerBackbone(make(), **arguments)
