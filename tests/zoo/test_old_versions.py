"""What version 0.1.0 saved, in whose layout every file lay in `umbed_keras.models`."""

from pathlib import Path

import keras
import numpy as np
import pytest

import umbed_keras as uk

SAVED = Path(__file__).parent / "version_0_1_0"


@pytest.fixture(scope="module")
def outputs():
    with np.load(SAVED / "outputs.npz") as arrays:
        return dict(arrays)


def test_a_keras_file_loads(outputs, rounding):
    # It was compiled on PyTorch, with an optimizer that is that backend's alone.
    model = keras.saving.load_model(SAVED / "pixel_embedder.keras", compile=False)
    expected = outputs["vectors"]
    tolerance = rounding(model, expected)
    np.testing.assert_allclose(model.embed(outputs["images"]), expected, atol=tolerance)


def test_a_preset_loads(outputs, rounding):
    for model in (uk.VQVAE.from_preset(SAVED / "vqvae"), keras.saving.load_model(SAVED / "vqvae")):
        expected = outputs["rebuilt"]
        tolerance = rounding(model, expected)
        np.testing.assert_allclose(model.reconstruct(outputs["images"]), expected, atol=tolerance)
