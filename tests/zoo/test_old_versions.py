"""Files that earlier versions saved load, with what they gave.

Of 0.1.0, in whose layout every file lay in `umbed_keras.models`, and of 0.2.0 as it was before its
modules moved to their present places, when `ScalarQuantizer` took `levels`.
"""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

pytestmark = pytest.mark.every_backend

OLDEST = Path(__file__).parent / "version_0_1_0"
MOVED = Path(__file__).parent / "version_0_2_0"


def arrays_of(folder):
    with np.load(folder / "outputs.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("folder", [OLDEST, MOVED], ids=lambda folder: folder.name)
def test_a_keras_file_loads(folder, rounding):
    # It was compiled on PyTorch, with an optimizer that is that backend's alone.
    model = keras.saving.load_model(folder / "pixel_embedder.keras", compile=False)
    outputs = arrays_of(folder)
    expected = outputs["vectors"]
    vectors = model.embed(outputs["images"][: len(expected)])
    np.testing.assert_allclose(vectors, expected, atol=rounding(model, expected))


@pytest.mark.parametrize(
    ("folder", "preset", "kind", "name"),
    [
        (OLDEST, "vqvae", uk.VQVAE, "rebuilt"),
        (MOVED, "fsqvae", uk.FSQVAE, "fsqvae"),
        (MOVED, "lapped", uk.LappedAutoencoder, "lapped"),
    ],
)
def test_a_preset_loads(folder, preset, kind, name, rounding):
    outputs = arrays_of(folder)
    expected = outputs[name]
    images = outputs["images"][: len(expected)]
    for model in (kind.from_preset(folder / preset), keras.saving.load_model(folder / preset)):
        tolerance = rounding(model, expected)
        np.testing.assert_allclose(model.reconstruct(images), expected, atol=tolerance)


@pytest.mark.parametrize("name", ["fsqvae", "lapped"])
def test_a_compressed_image_is_decompressed(name, rounding):
    pytest.importorskip("constriction")
    outputs = arrays_of(MOVED)
    model = uk.zoo.load_preset(MOVED / name)
    expected = outputs[name][:1]
    rebuilt = model.decompress([outputs[f"{name}_stream"].tobytes()])
    np.testing.assert_allclose(rebuilt, expected, atol=rounding(model, expected))


@pytest.mark.parametrize("name", ["scalar_levels", "scalar_density"])
def test_a_scalar_quantizer_of_either_kind_loads(name, rounding):
    model = keras.saving.load_model(MOVED / f"{name}.keras", compile=False)
    outputs = arrays_of(MOVED)
    expected = outputs[name]
    rebuilt = model.reconstruct(outputs["images"][: len(expected)])
    np.testing.assert_allclose(rebuilt, expected, atol=rounding(model, expected))


def test_a_preset_with_a_scalar_quantizer_of_levels_loads(tmp_path, rounding):
    """Its configuration and weights are those of the `.keras` file."""
    with zipfile.ZipFile(MOVED / "scalar_levels.keras") as file:
        config = json.loads(file.read("config.json"))
        (tmp_path / "model.weights.h5").write_bytes(file.read("model.weights.h5"))
    del config["compile_config"]
    for part in (config["config"], config["config"]["bottleneck"]["config"]):
        del part["dtype"]["shared_object_id"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = uk.ImageAutoencoder.from_preset(tmp_path)
    assert isinstance(model.bottleneck, uk.layers.FiniteScalarQuantizer)
    outputs = arrays_of(MOVED)
    expected = outputs["scalar_levels"]
    rebuilt = model.reconstruct(outputs["images"][: len(expected)])
    np.testing.assert_allclose(rebuilt, expected, atol=rounding(model, expected))
