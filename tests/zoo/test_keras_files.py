"""`.keras` files where presets are taken."""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import umbed_keras as uk
from umbed_keras.apps.presets import run
from umbed_keras.zoo.locations import lasting_handle
from umbed_keras.zoo.saving import write_for_processes

IMAGES = np.random.default_rng(0).integers(0, 256, (1, 16, 20, 3), dtype="uint8")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    maps = layers.Conv2D(4, 3, 2, "same", activation="relu")(inputs)
    model = uk.PixelEmbedder(
        latent_dim=4,
        patch_size=2,
        pyramid_levels=1,
        widths=(4,),
        hidden_units=(4,),
        feature_components=4,
        backbone=uk.layers.ModelBackbone(keras.Model(inputs, maps)),
    )
    model.adapt(np.random.default_rng(0).random((2, 16, 16, 3), "float32"))
    model.compile("adam")
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "mine.keras"
    model.save(path)
    return path


@pytest.mark.parametrize("kind", [str, Path])
def test_from_preset(model, file, kind):
    loaded = uk.PixelEmbedder.from_preset(kind(file))
    assert loaded.origin["preset"] == str(file)
    np.testing.assert_array_equal(loaded.embed(IMAGES), model.embed(IMAGES))
    assert isinstance(uk.zoo.load_preset(kind(file)), uk.PixelEmbedder)


def test_other_arguments(model, file):
    loaded = uk.PixelEmbedder.from_preset(file, pixels_per_image=7, dtype="mixed_bfloat16")
    assert (loaded.pixels_per_image, loaded.compute_dtype) == (7, "bfloat16")
    np.testing.assert_allclose(loaded.embed(IMAGES), model.embed(IMAGES), atol=0.1)
    new = uk.PixelEmbedder.from_preset(file, load_weights=False)
    assert not new.adapted_already


def test_another_class(file, tmp_path):
    with pytest.raises(ValueError, match="holds a PixelEmbedder, not a VQVAE"):
        uk.VQVAE.from_preset(file)
    keras.Sequential([keras.Input((3,)), layers.Dense(2)]).save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match="holds a Sequential, not a PixelEmbedder"):
        uk.PixelEmbedder.from_preset(tmp_path / "network.keras")


def test_a_model_of_another_library(tmp_path):
    keras.Sequential([keras.Input((3,)), layers.Dense(2)]).save(tmp_path / "network.keras")
    with pytest.raises(ValueError, match=r"holds a Sequential, not one of.*PixelEmbedder.*VQVAE"):
        uk.zoo.load_preset(tmp_path / "network.keras")


@pytest.mark.parametrize("options", [{}, {"dtype": "mixed_bfloat16"}], ids=str)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value, options, tmp_path):
    model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,))
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    keras.Model.save(model, tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"model\.keras can't be loaded: The weight .*NaN or inf"):
        uk.PixelEmbedder.from_preset(tmp_path / "model.keras", **options)
    assert uk.PixelEmbedder.from_preset(tmp_path / "model.keras", load_weights=False)


def test_code_is_not_run(tmp_path):
    inputs = keras.Input((None, None, 3))
    maps = layers.Lambda(lambda maps: 2 * maps, lambda shape: shape)(inputs)
    backbone = uk.layers.ModelBackbone(keras.Model(inputs, maps))
    model = uk.PixelEmbedder(4, widths=(4,), hidden_units=(4,), backbone=backbone)
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match="Lambda"):
        uk.PixelEmbedder.from_preset(tmp_path / "lambda.keras")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04cos\nsystem\n(S'true'\ntR."])
def test_broken_files(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.keras can't be loaded"):
        uk.PixelEmbedder.from_preset(tmp_path / "model.keras")


def test_no_file():
    with pytest.raises(ValueError, match=r"No preset 'none\.keras'.*\.keras file"):
        uk.PixelEmbedder.from_preset("none.keras")


def test_what_takes_folders_alone_says_so(file):
    with pytest.raises(ValueError, match=r"A preset is a folder.*save_to_preset"):
        uk.upload_preset("hf://me/mine", file)


def test_handles_that_last(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    Path("natural_vae_d16").mkdir()
    assert lasting_handle("mine.keras") == str(file)
    assert lasting_handle("natural_vae_d16") == "natural_vae_d16"
    assert lasting_handle("hf://me/mine") == "hf://me/mine"


@pytest.mark.parametrize("handle", ["mine.keras", "mine"])
def test_a_classifier_with_a_loaded_model_finds_it_again(handle, model, monkeypatch, tmp_path):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    (model.save if handle.endswith(".keras") else model.save_to_preset)(handle)
    labels = np.zeros(IMAGES.shape[1:3], int)
    labels[2:14, 2], labels[2:14, 17] = 1, 2
    loaded = uk.PixelEmbedder.from_preset(handle)
    assert loaded.origin["preset"] == str(tmp_path / handle)
    uk.segmentation.PixelClassifier(loaded).fit(IMAGES[0], labels).save("classifier.npz")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    uk.segmentation.PixelClassifier.load("../classifier.npz")


def test_classifier_and_its_file(model, file, monkeypatch, tmp_path):
    pytest.importorskip("sklearn")
    labels = np.zeros(IMAGES.shape[1:3], int)
    labels[2:14, 2], labels[2:14, 17] = 1, 2
    monkeypatch.chdir(file.parent)
    classifier = uk.segmentation.PixelClassifier("mine.keras").fit(IMAGES[0], labels)
    classifier.save(tmp_path / "classifier.npz")
    monkeypatch.chdir(tmp_path)
    loaded = uk.segmentation.PixelClassifier.load("classifier.npz")
    np.testing.assert_array_equal(loaded.predict(IMAGES[0]), classifier.predict(IMAGES[0]))
    moved = file.rename(tmp_path / "moved.keras")
    with pytest.raises(ValueError, match=r"`embedder` must be passed.*mine\.keras, is not here"):
        uk.segmentation.PixelClassifier.load("classifier.npz")
    uk.segmentation.PixelClassifier.load("classifier.npz", "moved.keras")
    moved.rename(file)
    project = uk.segmentation.Project(preset=file)
    project.save(tmp_path / "project.umbed")
    assert uk.segmentation.Project.load(tmp_path / "project.umbed").preset == str(file)


def test_store(model, file, tmp_path):
    pytest.importorskip("zarr")
    np.save(tmp_path / "image.npy", IMAGES[0])
    store = tmp_path / "vectors.zarr"
    vectors = uk.stores.embed_store(str(file), tmp_path / "image.npy", store, verbose=0)
    np.testing.assert_allclose(vectors[:], model.embed(IMAGES)[0], atol=1e-5)
    assert vectors.attrs["umbed_keras"]["model"]["preset"] == str(file)


@pytest.mark.parametrize("action", ["show", "verify"])
def test_command(file, action, capsys):
    assert run(argparse.Namespace(action=action, preset=str(file))) == 0
    assert "PixelEmbedder" in capsys.readouterr().out


def with_network(*layers):
    network = keras.Sequential([keras.Input((None, None, 3)), *layers])
    return uk.PixelEmbedder(
        4, widths=(4,), hidden_units=(4,), backbone=uk.layers.ModelBackbone(network)
    )


def test_what_workers_load(model, tmp_path):
    folder = tmp_path / "shared"
    assert write_for_processes(model, folder) == folder
    layer = layers.SpectralNormalization(layers.Conv2D(4, 3, 2, "same"))  # in no preset
    model = with_network(layer)
    path = write_for_processes(model, tmp_path / "other")
    assert path == write_for_processes(model, tmp_path / "other") == tmp_path / "other.keras"
    np.testing.assert_array_equal(uk.zoo.load_preset(path).embed(IMAGES), model.embed(IMAGES))


def test_what_workers_can_not_load(tmp_path):
    maps = layers.Lambda(lambda maps: 2 * maps, lambda shape: shape)
    with pytest.raises(ValueError, match="does not know the class Lambda"):
        write_for_processes(with_network(maps), tmp_path / "shared")
    assert not list(tmp_path.iterdir())


def test_kerashub_is_named_where_it_is_missing(model, tmp_path):
    hub = pytest.importorskip("keras_hub")
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 8}
    network = hub.models.ViTBackbone(image_shape=(32, 32, 3), patch_size=8, **sizes)
    backbone = uk.layers.VisionTransformerBackbone(network)
    uk.PixelEmbedder(4, widths=(4,), backbone=backbone).save(tmp_path / "model.keras")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in sys.modules if name.partition(".")[0] == "keras_hub"]:
            patch.setitem(sys.modules, name, None)
        registered = keras.saving.get_custom_objects()
        for name in [name for name in registered if name.startswith("keras_hub>")]:
            patch.delitem(registered, name)
        with pytest.raises(ImportError, match=r"umbed_keras\[keras-hub\]"):
            uk.PixelEmbedder.from_preset(tmp_path / "model.keras")
