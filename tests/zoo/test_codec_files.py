"""How probable codes are, in presets."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

import umbed_keras as uk

SMALL = {"latent_dim": 3, "filters": 4, "residual_units": 2, "residual_blocks": 1}
CODEC = "codec.h5"


def images():
    return np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), "uint8")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = uk.DLVAE(8, sparsity=2, coefficient_bits=4, **SMALL)
    model.adapt(images())
    model.adapt_codec(images(), verbose=0)
    return model


@pytest.fixture
def preset(model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    return tmp_path / "preset"


def entries(folder):
    return json.loads((folder / "metadata.json").read_text())["files"]


def without_hashes(folder):
    (folder / "metadata.json").unlink()


def change(folder, name, values):
    without_hashes(folder)
    with h5py.File(folder / CODEC, "a") as file:
        file.pop(name, None)
        file[name] = values


def test_is_added_and_all_else_stays(model, preset, tmp_path):
    bare = uk.DLVAE.from_config(model.get_config())
    bare.set_weights(model.get_weights())
    bare.save_to_preset(tmp_path / "bare")
    before = {path.name: path.read_bytes() for path in (tmp_path / "bare").iterdir()}
    assert CODEC not in before
    uk.zoo.write_codec(tmp_path / "bare", model.codec_arrays)
    after = {path.name: path.read_bytes() for path in (tmp_path / "bare").iterdir()}
    assert set(after) - set(before) == {CODEC}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"metadata.json"}
    assert set(entries(tmp_path / "bare")) == {"config.json", "model.weights.h5", CODEC}
    again = uk.zoo.load_preset(tmp_path / "bare")
    assert again.compress(images()) == model.compress(images())


def test_none_is_no_codec(preset):
    before = {path.name: path.read_bytes() for path in preset.iterdir()}
    with pytest.raises(ValueError, match="`arrays` must be those of a codec"):
        uk.zoo.write_codec(preset, None)
    assert {path.name: path.read_bytes() for path in preset.iterdir()} == before


def test_is_left_out_with_other_settings(preset):
    assert uk.DLVAE.from_preset(preset, seed=1).codec_arrays is not None
    assert uk.DLVAE.from_preset(preset, coefficient_bits=3).codec_arrays is None
    assert uk.DLVAE.from_preset(preset, load_weights=False).codec_arrays is None


def test_is_part_of_a_keras_file(model, tmp_path):
    model.save(tmp_path / "model.keras")
    for loaded in (
        uk.DLVAE.from_preset(tmp_path / "model.keras"),
        uk.DLVAE.from_preset(tmp_path / "model.keras", seed=1),
        keras.saving.load_model(tmp_path / "model.keras"),
    ):
        assert loaded.compress(images()) == model.compress(images())
    bare = uk.DLVAE.from_preset(tmp_path / "model.keras", load_weights=False)
    assert bare.codec_arrays is None
    bare.save(tmp_path / "bare.keras")  # as files of before
    assert uk.DLVAE.from_preset(tmp_path / "bare.keras").codec_arrays is None


def test_damage_in_a_keras_file_is_found(model, tmp_path):
    model.save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as old,
        zipfile.ZipFile(tmp_path / "damaged.keras", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, b"no arrays" if name.endswith(CODEC) else old.read(name))
    with pytest.raises(ValueError, match=r"(?s)damaged\.keras can't be loaded.*codec\.h5"):
        uk.DLVAE.from_preset(tmp_path / "damaged.keras")


def test_damage_is_found(preset):
    data = bytearray((preset / CODEC).read_bytes())
    data[len(data) // 2] ^= 1
    (preset / CODEC).write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        uk.DLVAE.from_preset(preset)


def test_no_file_of_arrays(preset):
    without_hashes(preset)
    (preset / CODEC).write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"codec\.h5 is no file of arrays"):
        uk.DLVAE.from_preset(preset)


def test_what_does_not_fit(preset):
    change(preset, "real", np.zeros(7, "float32"))
    with pytest.raises(ValueError, match=r"codec\.h5 doesn't fit the model: 'real'"):
        uk.DLVAE.from_preset(preset)


@pytest.mark.parametrize(
    ("name", "values"),
    [("setting_steps", np.zeros(3, "float32")), ("setting_other", np.zeros(3, "float32"))],
    ids=["no steps", "a setting that there isn't"],
)
def test_settings_of_no_bottleneck(tmp_path, name, values):
    model = uk.PixelEmbedder(3, patch_size=2, pyramid_levels=1, widths=(4,), hidden_units=(4,))
    model.adapt(images())
    model.adapt_codec(images(), verbose=0)
    model.save_to_preset(tmp_path / "preset")
    change(tmp_path / "preset", name, values)
    with pytest.raises(ValueError, match=r"codec\.h5 doesn't fit"):
        uk.PixelEmbedder.from_preset(tmp_path / "preset")
