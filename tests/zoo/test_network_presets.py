"""Presets of models whose backbone is a network of Keras's layers or of KerasHub."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

import umbed_keras as uk
from umbed_keras.stores.embedding import _model_hash

CONFIG, METADATA = "config.json", "metadata.json"
IMAGES = np.random.default_rng(0).integers(0, 256, (1, 24, 32, 3), dtype="uint8")


def branched():
    """A network with two maps, an operation, a constant, a nested model and a layer used twice."""
    inputs = keras.Input((None, None, 3))
    inside = keras.Sequential([keras.Input((None, None, 4)), layers.ReLU(max_value=1)])
    shared = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")
    fine = inside(layers.BatchNormalization()(layers.Conv2D(4, 3, 2, "same")(2 * inputs - 1)))
    fine = ops.relu(shared(fine) + shared(ops.sigmoid(fine)[..., :4]))
    return keras.Model(inputs, [fine, layers.Conv2D(5, 3, 2, "same", activation="gelu")(fine)])


def embedder(backbone, seed=0):
    keras.utils.set_random_seed(seed)
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=2,
        pyramid_levels=1,
        widths=(4,),
        hidden_units=(4,),
        backbone=backbone,
        feature_components=4,
    )
    model.adapt(np.random.default_rng(seed).random((2, 32, 32, 3), "float32"))
    return model


@pytest.fixture(scope="module")
def model():
    mean = (0.5, (0.5, 0.25, 0.75))
    return embedder(uk.layers.ModelBackbone(branched(), mean, shares=(1, 3), reach=9))


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks") / "preset"
    model.save_to_preset(folder)
    return folder


@pytest.mark.every_backend
def test_the_network_is_built_again(model, saved):
    loaded = uk.PixelEmbedder.from_preset(saved)
    backbone = loaded.backbone
    assert (backbone.shares, backbone.reach) == ((1, 3), 9)
    assert backbone.preprocessing == (0.5, (0.5, 0.25, 0.75))
    assert backbone.model.count_params() == model.backbone.model.count_params()
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))


def test_inside_a_backbone_of_several_scales(tmp_path):
    backbone = uk.layers.ModelBackbone(branched())
    model = embedder(uk.layers.MultiScaleBackbone(backbone, (1, 0.5)))
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))
    metadata = json.loads((tmp_path / "preset" / METADATA).read_text())
    assert list(metadata["networks"]) == ["backbone.backbone.model"]


def test_keras_loads_the_folder(model, saved):
    loaded = keras.saving.load_model(saved)
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))


def test_metadata_name_library_class_version_and_digest(model, saved):
    reference = json.loads((saved / METADATA).read_text())["networks"]["backbone.model"]
    assert reference["library"] == "keras"
    assert reference["version"] == keras.__version__
    assert reference["class"] == "Functional"
    assert reference["name"] == model.backbone.model.name
    assert len(reference["sha256"]) == 64


def test_the_card_names_the_network(model, saved):
    text = (saved / "README.md").read_text()
    name = model.backbone.model.name
    assert f"| backbone model | Functional {name} of keras {keras.__version__} |" in text
    assert f"model Functional: layers {len(model.backbone.model.operations)}, preproc" in text
    assert len(text) < 3000


@pytest.mark.parametrize("weights_dtype", ["float16", "float64"])
def test_other_types_of_weights(model, weights_dtype, tmp_path):
    model.save_to_preset(tmp_path / "preset", weights_dtype=weights_dtype)
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    for weight, stored in zip(model.backbone.weights, loaded.backbone.weights, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (weight, stored)))
    np.testing.assert_allclose(loaded.embed(IMAGES), model.embed(IMAGES), atol=0.02)


def test_another_precision_of_the_model(saved):
    loaded = uk.PixelEmbedder.from_preset(saved, dtype="mixed_bfloat16")
    assert loaded.compute_dtype == "bfloat16"


def test_saved_again(model, saved, tmp_path):
    uk.PixelEmbedder.from_preset(saved).save_to_preset(tmp_path / "again")
    before, after = (
        json.loads((path / METADATA).read_text()) for path in (saved, tmp_path / "again")
    )
    assert before["networks"] == after["networks"]


def test_new_weights(saved):
    assert uk.PixelEmbedder.from_preset(saved, load_weights=False).backbone.strides == (2, 4)


def test_another_digest_is_refused_with_both(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "preset")
    metadata = json.loads((folder / METADATA).read_text())
    reference = metadata["networks"]["backbone.model"]
    right = reference["sha256"]
    reference.update(sha256="0" * 64, version="2.0")
    (folder / METADATA).write_text(json.dumps(metadata))
    message = rf"another SHA-256.*{right}, by keras {keras.__version__}.*{'0' * 64}, by keras 2\.0"
    with pytest.raises(ValueError, match=message):
        uk.PixelEmbedder.from_preset(folder)


@pytest.mark.parametrize("networks", [None, {}, {"backbone.model": {"library": "keras"}}])
def test_no_digest_is_refused(saved, networks, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "preset")
    metadata = json.loads((folder / METADATA).read_text())
    metadata["networks"] = networks
    if networks is None:
        del metadata["networks"]
    (folder / METADATA).write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=r"must state the `sha256` .* as 'backbone\.model'"):
        uk.PixelEmbedder.from_preset(folder)


def test_initializers_that_presets_do_not_hold(tmp_path):
    def own(shape, dtype=None):
        return ops.ones(shape, dtype)

    inputs = keras.Input((None, None, 3))
    maps = layers.Conv2D(4, 2, 2, kernel_initializer="orthogonal", bias_initializer=own)(inputs)
    tokens = layers.Reshape((-1, 4))(maps)
    tokens = layers.MultiHeadAttention(2, 2, kernel_initializer="orthogonal")(tokens, tokens)
    maps = maps + ops.mean(tokens, axis=1)[:, None, None]
    model = embedder(uk.layers.ModelBackbone(keras.Model(inputs, maps)))
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))
    assert _model_hash(loaded) == _model_hash(model)  # a store of one goes on with the other
    new = uk.PixelEmbedder.from_preset(tmp_path / "preset", load_weights=False)
    assert ops.std(new.backbone.model.layers[1].kernel) > 0


@pytest.mark.parametrize("networks", [[1], "all", {"backbone.model": 3}])
def test_broken_references(saved, networks, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "preset")
    metadata = json.loads((folder / METADATA).read_text())
    (folder / METADATA).write_text(json.dumps({**metadata, "networks": networks}))
    with pytest.raises(ValueError, match="`networks`"):
        uk.PixelEmbedder.from_preset(folder)


def test_in_a_new_process_from_another_folder(model, saved, tmp_path):
    moved = shutil.copytree(saved, tmp_path / "elsewhere")
    np.save(tmp_path / "images.npy", IMAGES)
    script = (
        "import sys, numpy as np, umbed_keras as uk\n"
        "folder, images, vectors = sys.argv[1:]\n"
        "model = uk.PixelEmbedder.from_preset(folder)\n"
        "np.save(vectors, model.embed(np.load(images)))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, moved, "images.npy", "vectors.npy"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(uk.__file__).parents[1])])},
        check=True,
    )
    np.testing.assert_array_equal(np.load(tmp_path / "vectors.npy"), model.embed(IMAGES))


def test_a_network_of_applications(tmp_path):
    network = keras.applications.MobileNetV2(
        input_shape=(None, None, 3), alpha=0.35, include_top=False, weights=None
    )
    network = keras.Model(network.input, network.get_layer("block_1_expand_relu").output)
    names = ["Conv1_relu", "block_1_expand_relu"]
    model = embedder(uk.layers.ModelBackbone(network, "tf", names))
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    assert loaded.backbone.layers == names
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))


@pytest.mark.parametrize(("name", "image_side"), [("ViTBackbone", 32), ("SegFormerBackbone", 64)])
def test_a_network_of_kerashub(name, image_side, tmp_path):
    hub = pytest.importorskip("keras_hub")
    shape = (image_side, image_side, 3)
    if name == "ViTBackbone":
        sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
        network = hub.models.ViTBackbone(image_shape=shape, patch_size=8, **sizes)
    else:
        encoder = hub.models.MiTBackbone(
            layerwise_depths=[1, 1, 1, 1],
            num_layers=4,
            layerwise_num_heads=[1, 1, 1, 1],
            layerwise_sr_ratios=[8, 4, 2, 1],
            max_drop_path_rate=0.1,
            layerwise_patch_sizes=[7, 3, 3, 3],
            layerwise_strides=[4, 2, 2, 2],
            image_shape=shape,
            hidden_dims=[4, 8, 12, 16],
        )
        network = hub.models.SegFormerBackbone(image_encoder=encoder, projection_filters=4)
    model = embedder(uk.layers.VisionTransformerBackbone(network, "tf"))
    model.save_to_preset(tmp_path / "preset")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "preset")
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))
    metadata = json.loads((tmp_path / "preset" / METADATA).read_text())
    reference = metadata["networks"]["backbone.model"]
    assert (reference["library"], reference["class"]) == ("keras_hub", name)


@keras.saving.register_keras_serializable(package="mine")
class Doubled(layers.Layer):
    def call(self, inputs):
        return 2 * inputs


@keras.saving.register_keras_serializable(package="mine")
class Network(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.convolution = layers.Conv2D(4, 3, 2, "same")

    def call(self, inputs):
        return self.convolution(inputs)


def test_what_can_not_travel_is_named(tmp_path):
    inputs = keras.Input((None, None, 3))
    maps = layers.Conv2D(4, 2, 2)(inputs)
    own = Network()
    own(np.zeros((1, 8, 8, 3), "float32"))
    norm = layers.SpectralNormalization(layers.Conv2D(4, 2, 2), name="norm")
    refused = {
        "'norm' .*SpectralNormalization, .* `umbed_keras.zoo.network_classes` lists": keras.Model(
            inputs, norm(inputs)
        ),
        "'twice' of the network is of the class .*Lambda": keras.Model(
            inputs, layers.Lambda(lambda maps: 2 * maps, lambda shape: shape, name="twice")(maps)
        ),
        "'mine' of the network is of the class .*Doubled": keras.Model(
            inputs, Doubled(name="mine")(maps)
        ),
        "The network is of the class .*Network": own,
    }
    for message, network in refused.items():
        model = embedder(uk.layers.ModelBackbone(network))
        with pytest.raises(ValueError, match=rf"{message}.*model\.save"):
            model.save_to_preset(tmp_path / "preset")
        assert not list(tmp_path.iterdir())
