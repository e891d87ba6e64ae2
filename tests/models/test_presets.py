import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.models import presets

ROOT = Path(uk.__file__).parents[1]
NAME = "celeba_dl_k16_s4"


def small_model(**kwargs):
    return uk.PixelEmbedder(
        latent_dim=4,
        patch_size=4,
        pyramid_levels=2,
        bottleneck=uk.layers.DictionaryBottleneck(8, 4, 2, coefficient_bits=8),
        widths=(8, 8),
        hidden_units=(8,),
        **kwargs,
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, 20, 24, 3), dtype="uint8")


def test_a_saved_preset_loads_as_the_same_model(tmp_path, images):
    model = small_model()
    model.adapt(images)
    model.save_to_preset(tmp_path / "deep" / "mine")
    assert {path.name for path in (tmp_path / "deep" / "mine").iterdir()} == {
        "config.json",
        "metadata.json",
        "model.weights.h5",
    }
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "deep" / "mine")
    assert loaded.adapted_already
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
    by_keras = keras.saving.load_model(tmp_path / "deep" / "mine")
    np.testing.assert_array_equal(by_keras.embed(images), model.embed(images))


def test_half_precision_weights_keep_statistics_whole(tmp_path, images):
    model = small_model()
    model.adapt(images)
    model.save_to_preset(tmp_path / "mine", weights_dtype="float16")
    types = set()
    with h5py.File(tmp_path / "mine" / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                types.add(str(item.dtype)) if isinstance(item, h5py.Dataset) else None
            )
        )
    assert types == {"float16", "float32"}
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "mine")
    trainable = {id(weight) for weight in model.trainable_weights}
    for before, after in zip(model.weights, loaded.weights, strict=True):
        before_values, after_values = (keras.ops.convert_to_numpy(w) for w in (before, after))
        if id(before) in trainable:
            before_values = before_values.astype("float16").astype("float32")
        np.testing.assert_array_equal(after_values, before_values)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=NAME):
        uk.PixelEmbedder.from_preset("celeba_dl_k16")


def test_built_in_presets_are_listed():
    assert uk.PixelEmbedder.presets[NAME]["class"] == "PixelEmbedder"


def test_the_built_in_preset_rebuilds_what_it_sees():
    from skimage.data import astronaut

    model = uk.PixelEmbedder.from_preset(NAME)
    image = astronaut()[None, :128, 128:256]
    assert model.embed(image).shape == (1, 128, 128, 16)
    # Level 0 alone, of a photograph from elsewhere.
    assert np.mean(np.square(model.reconstruct(image) - image / 255.0)) < 0.005


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("celeba_vqvae_k512", 23),
        ("celeba_rvqvae_k512_s3", 29),
        ("celeba_dlvae_k512_s3", 31),
    ],
)
def test_built_in_autoencoders_rebuild_what_they_see(name, least):
    from skimage.data import astronaut
    from skimage.metrics import peak_signal_noise_ratio

    model_class = {"vq": uk.VQVAE, "rv": uk.RVQVAE, "dl": uk.DLVAE}[name.split("_")[1][:2]]
    assert name in model_class.presets
    model = model_class.from_preset(name)
    image = astronaut()[None, :126, 128:255]
    codes = model.encode(image)
    assert codes["indices"].shape[:3] == (1, 32, 32)
    rebuilt = model.decode(codes, image.shape[1:3])
    assert peak_signal_noise_ratio(image / 255.0, rebuilt.astype("float64"), data_range=1) > least


def test_truncated_weights_are_refused(tmp_path, images):
    small_model().save_to_preset(tmp_path / "mine")
    weights = tmp_path / "mine" / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ValueError, match="weights"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")


def test_missing_files_and_other_classes_are_refused(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    config = tmp_path / "mine" / "config.json"
    other = json.loads(config.read_text())
    other["registered_name"] = "umbed_keras>SomethingElse"
    config.write_text(json.dumps(other))
    with pytest.raises(ValueError, match="SomethingElse"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")
    config.write_text("{")
    with pytest.raises(ValueError, match="configuration"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")
    config.unlink()
    with pytest.raises(ValueError, match=r"config\.json"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")


def test_a_failed_save_leaves_the_old_preset(tmp_path, images, monkeypatch):
    model = small_model()
    model.adapt(images)
    model.save_to_preset(tmp_path / "mine")
    before = model.embed(images)

    def full_disk(self, *args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(uk.PixelEmbedder, "save_weights", full_disk)
    with pytest.raises(OSError, match="no space"):
        small_model().save_to_preset(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.embed(images), before)


def test_a_checkout_uses_its_own_presets():
    assert presets.presets_folder() == ROOT / "presets"


def test_a_wheel_carries_the_presets_inside_the_package(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "-w", tmp_path, ROOT),
        ],
        check=True,
    )
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert f"umbed_keras/_presets/{NAME}/model.weights.h5" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"umbed_keras"}
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import umbed_keras as uk; print(uk.PixelEmbedder.from_preset('{NAME}').latent_dim,"
            "uk.PixelEmbedder.presets)",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found.startswith("16")
    assert str(tmp_path / "site" / "umbed_keras" / "_presets") in found


def test_other_files_are_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ValueError, match=r"thesis\.txt"):
        small_model().save_to_preset(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "all of it"
    small_model().save_to_preset(tmp_path / "mine")
    for added in ("README.md", "figure.png"):
        (tmp_path / "mine" / added).write_text("mine")
    small_model().save_to_preset(tmp_path / "mine")
    for added in ("README.md", "figure.png"):
        assert (tmp_path / "mine" / added).read_text() == "mine"
