"""Weights are never quantised: what Keras would make of a model computes other numbers."""

import keras
import numpy as np
import pytest

import umbed_keras as uk

IMAGES = np.random.default_rng(0).random((1, 16, 24, 3), "float32")
MAKERS = {
    "PixelEmbedder": lambda: uk.PixelEmbedder(4, 4, 2, widths=(4, 8), hidden_units=(8,)),
    "VQVAE": lambda: uk.VQVAE(8, latent_dim=4, filters=4, residual_units=2),
    "LappedAutoencoder": lambda: uk.LappedAutoencoder(),
}


@pytest.mark.torch_alone
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize("name", MAKERS)
def test_models_are_not_quantized(name, mode, tmp_path):
    model = MAKERS[name]()
    before = model.reconstruct(IMAGES)
    weights = model.get_weights()
    with pytest.raises(NotImplementedError, match=rf"{name} can't be quantized.*float16"):
        model.quantize(mode)
    with pytest.raises(NotImplementedError, match="can't be quantized"):
        model.quantize(config=keras.quantizers.Int8QuantizationConfig())
    for weight, value in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, value)
    np.testing.assert_array_equal(model.reconstruct(IMAGES), before)
    model.save_to_preset(tmp_path / "mine")
    loaded = uk.zoo.load_preset(tmp_path / "mine")
    np.testing.assert_array_equal(loaded.reconstruct(IMAGES), before)


@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.parametrize("name", ["PixelEmbedder", "VQVAE"])
def test_models_inside_others_stay_as_they_are(name):
    model = MAKERS[name]()
    head = keras.layers.Dense(2)
    outer = keras.Sequential([keras.Input((16, 24, 3)), model, head])
    before = model.reconstruct(IMAGES)
    outer.quantize("int8")
    assert head.quantization_mode == "int8"
    np.testing.assert_array_equal(model.reconstruct(IMAGES), before)
