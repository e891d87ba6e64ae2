import json
import re
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import umbed_keras as uk

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


@pytest.mark.every_backend
def test_a_saved_preset_loads_as_the_same_model(tmp_path, images):
    model = small_model()
    model.adapt(images)
    model.save_to_preset(tmp_path / "deep" / "mine")
    assert {path.name for path in (tmp_path / "deep" / "mine").iterdir()} == {
        "README.md",
        "config.json",
        "metadata.json",
        "model.weights.h5",
    }
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "deep" / "mine")
    assert loaded.adapted_already
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
    by_keras = keras.saving.load_model(tmp_path / "deep" / "mine")
    np.testing.assert_array_equal(by_keras.embed(images), model.embed(images))


@pytest.mark.every_backend
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


@pytest.mark.every_backend
def test_the_built_in_preset_rebuilds_what_it_sees():
    from skimage.data import astronaut

    model = uk.PixelEmbedder.from_preset(NAME)
    image = astronaut()[None, :128, 128:256]
    assert model.embed(image).shape == (1, 128, 128, 16)
    # Level 0 alone, of a photograph from elsewhere.
    assert np.mean(np.square(model.reconstruct(image) - image / 255.0)) < 0.005


@pytest.mark.every_backend
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


def test_a_preset_of_a_newer_version_says_so(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    for name, change in {
        "config.json": {"registered_name": "umbed_keras>SomethingNew"},
        "metadata.json": {"umbed_keras_version": "99.1", "files": {}},
    }.items():
        path = tmp_path / "mine" / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=r"SomethingNew.*umbed_keras 99\.1, newer.*pip install"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")


def test_missing_files_and_other_classes_are_refused(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    with pytest.raises(ValueError, match=r"umbed_keras\.PixelEmbedder\.from_preset"):
        uk.VQVAE.from_preset(tmp_path / "mine")
    (tmp_path / "mine" / "config.json").unlink()
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


def test_other_files_are_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ValueError, match=r"thesis\.txt"):
        small_model().save_to_preset(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "all of it"
    for added in ("README.md", "figure.png"):
        small_model().save_to_preset(tmp_path / "mine")
        (tmp_path / "mine" / added).write_text("mine")
    small_model().save_to_preset(tmp_path / "mine")
    for added in ("README.md", "figure.png"):
        assert (tmp_path / "mine" / added).read_text() == "mine"


def test_a_file_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("all of it")
    with pytest.raises(ValueError, match=r"`folder` must be a folder.*notes\.txt"):
        small_model().save_to_preset(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "all of it"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5", "codec.h5"])
def test_a_folder_of_another_program_is_never_replaced(tmp_path, name):
    # KerasHub and Hugging Face use the same names.
    (tmp_path / name).write_text('{"registered_name": "keras_hub>Backbone"}')
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ValueError, match=rf"preset of umbed_keras.*{re.escape(name)}"):
        small_model().save_to_preset(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {name, "README.md"}


def test_hidden_files_stay(tmp_path):
    folder = tmp_path / "mine"
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "objects" / "00").write_bytes(b"\0")
    (folder / ".git" / "HEAD").symlink_to("nowhere")
    (folder / ".gitattributes").write_text("*.h5 filter=lfs")
    (folder / "README.md").write_text("mine")
    for _ in range(2):
        small_model().save_to_preset(folder)
        assert (folder / ".git" / "objects" / "00").read_bytes() == b"\0"
        assert (folder / ".git" / "HEAD").readlink().name == "nowhere"
        assert (folder / ".gitattributes").read_text() == "*.h5 filter=lfs"
        assert (folder / "README.md").read_text() == "mine"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path, value):
    model = small_model()
    kernel = keras.ops.convert_to_numpy(model.decoder.linear.kernel).copy()
    kernel[1, 2] = value
    model.decoder.linear.kernel.assign(kernel)
    for weights_dtype in (None, "float16"):
        with pytest.raises(ValueError, match=r"decoder/linear/kernel.*NaN or infinite"):
            model.save_to_preset(tmp_path / "mine", weights_dtype=weights_dtype)
    with pytest.raises(ValueError, match=r"decoder/linear/kernel.*NaN or infinite"):
        model.save(tmp_path / "mine.keras")
    assert not list(tmp_path.iterdir())


def test_weights_too_large_for_half_precision_are_refused_by_name(tmp_path):
    model = small_model()
    kernel = keras.ops.convert_to_numpy(model.decoder.linear.kernel).copy()
    kernel[1, 2] = 1e5
    model.decoder.linear.kernel.assign(kernel)
    with pytest.raises(ValueError, match=r"decoder/linear/kernel.*infinite in float16"):
        model.save_to_preset(tmp_path / "mine", weights_dtype="float16")
    model.save_to_preset(tmp_path / "mine", weights_dtype="bfloat16")


@pytest.mark.every_backend
def test_bfloat16_weights_can_be_read_again(tmp_path, images):
    model = small_model()
    model.save_to_preset(tmp_path / "mine", weights_dtype="bfloat16")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "mine")
    for before, after in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, rtol=2**-8)
    with pytest.raises(ValueError, match="weights_dtype"):
        model.save_to_preset(tmp_path / "mine", weights_dtype="int8")


def test_a_card_forgets_what_was_measured_on_other_weights(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    uk.zoo.write_card(tmp_path / "mine", license="CC0", metrics={"error": 0.25})
    small_model(seed=7).save_to_preset(tmp_path / "mine")
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "CC0" in card
    assert "0.25" not in card


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "model.weights.h5"])
def test_a_damaged_preset_can_be_saved_over(tmp_path, images, name):
    model = small_model()
    model.save_to_preset(tmp_path / "mine")
    (tmp_path / "mine" / name).write_text("{")
    model.save_to_preset(tmp_path / "mine")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))


@pytest.mark.every_backend
def test_a_bottleneck_may_be_replaced(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    loaded = uk.PixelEmbedder.from_preset(
        tmp_path / "mine", load_weights=False, bottleneck=uk.layers.VectorQuantizer(3, 4)
    )
    assert loaded.bottleneck.num_entries == 3


def test_an_argument_of_a_newer_version_says_so(tmp_path):
    small_model().save_to_preset(tmp_path / "mine")
    for name, change in {
        "config.json": lambda config: config["config"].update(invented=1),
        "metadata.json": lambda metadata: metadata.update(umbed_keras_version="99.1", files={}),
    }.items():
        path = tmp_path / "mine" / name
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match=r"umbed_keras 99\.1, newer"):
        uk.PixelEmbedder.from_preset(tmp_path / "mine")


def test_a_new_card_says_what_is_known(tmp_path, images):
    model = small_model()
    model.compile(optimizer="adam")
    history = model.fit(images, batch_size=2, epochs=2, pixels_per_image=4, verbose=0)
    model.save_to_preset(tmp_path / "mine", history=history)
    card = (tmp_path / "mine" / "README.md").read_text()
    assert 'uk.PixelEmbedder.from_preset("mine")' in card
    assert f"| parameters | {model.count_params():,} |" in card
    assert "DictionaryBottleneck: latent dim 4, num atoms 8, sparsity 2" in card
    assert f"| reconstruction | {history.history['reconstruction'][-1]:.4g} |" in card
    assert "| epochs | 2 |" in card
    assert "Not measured." in card
    uk.zoo.write_card(tmp_path / "mine", license="CC0", metrics={"error": 0.25})
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "| error | 0.25 |" in card
    assert "Licence of the weights: CC0." in card
    assert "| epochs | 2 |" in card
    with pytest.raises(ValueError, match="licence"):
        uk.zoo.write_card(tmp_path / "mine", licence="CC0")
    loaded = uk.PixelEmbedder.from_preset(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.embed(images), model.embed(images))
