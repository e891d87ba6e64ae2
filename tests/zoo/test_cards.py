"""Names in cards have one style: words, with the unit after a comma."""

import re
from pathlib import Path

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.models.training import autoencoder_quality, pixel_quality
from umbed_keras.zoo.locations import builtin_presets
from umbed_keras.zoo.preset_checks import read_preset

ROOT = Path(uk.__file__).parents[1]
STYLE = re.compile(r"[A-Za-z]+([ -][A-Za-z]+)*(, dB)?")
TINY = {"latent_dim": 4, "filters": 4, "residual_units": 2, "residual_blocks": 1}


def pixels(bottleneck):
    geometry = {"patch_size": 2, "pyramid_levels": 1, "widths": (4,), "hidden_units": (4,)}
    return uk.PixelEmbedder(4, bottleneck=bottleneck, **geometry)


MODELS = {
    "vae": ("pixel", lambda: pixels(uk.layers.GaussianBottleneck(4))),
    "vq": ("pixel", lambda: pixels(uk.layers.VectorQuantizer(8, 4))),
    "dl": ("pixel", lambda: pixels(uk.layers.DictionaryBottleneck(8, 4, 2))),
    "vqvae": ("autoencoder", lambda: uk.VQVAE(8, **TINY)),
    "rvqvae": ("autoencoder", lambda: uk.RVQVAE(8, num_quantizers=2, **TINY)),
    "dlvae": ("autoencoder", lambda: uk.DLVAE(8, sparsity=2, **TINY)),
}


@pytest.mark.parametrize("kind", MODELS)
def test_built_in_cards_say_what_trainings_measure(kind, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")
    monkeypatch.setenv("UMBED_LPIPS", str(tmp_path))  # which has no weights
    import code_purity

    module, make = MODELS[kind]
    quality = {"pixel": pixel_quality, "autoencoder": autoencoder_quality}[module]
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    measured = quality.measure(make(), images)
    assert all(STYLE.fullmatch(name) for name in [*measured, *code_purity.METRICS])
    folders = {
        name: folder for name, folder in builtin_presets().items() if kind in name.split("_")
    }
    assert folders
    for folder in folders.values():
        card = read_preset(folder)[1]["card"]
        # Further figures, of usefulness say, come from benchmarks with protocols of their own.
        assert set(measured) <= set(card["metrics"])
        assert card["protocol"].startswith(quality.PROTOCOL)


def test_a_history_is_shown_in_words(tmp_path):
    MODELS["vq"][1]().save_to_preset(
        tmp_path / "mine",
        history={
            "loss": [2.0, 1.0],
            "bottleneck_loss": [0.25],
            "bits_per_pixel": [3.0],
            "psnr": [20.5],
            "val_bits_per_pixel": [3.5],
            "val_psnr": [19.5],
        },
    )
    lines = (tmp_path / "mine" / "README.md").read_text().splitlines()
    start = lines.index("| epochs | 2 |")
    assert lines[start + 1 : start + 7] == [
        "| loss | 1 |",
        "| bottleneck loss | 0.25 |",
        "| bits per pixel | 3 |",
        "| PSNR, dB | 20.5 |",
        "| validation: bits per pixel | 3.5 |",
        "| validation: PSNR, dB | 19.5 |",
    ]


def test_values_that_are_not_finite_are_left_out(tmp_path):
    history = {"loss": [np.nan, 1.0], "psnr": [20.5, np.nan], "bottleneck_loss": [np.inf]}
    MODELS["vq"][1]().save_to_preset(tmp_path / "mine", history=history)
    assert isinstance(uk.zoo.load_preset(tmp_path / "mine"), uk.PixelEmbedder)
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "| epochs | 2 |\n| loss | 1 |\n" in card
    assert "PSNR" not in card.partition("| epochs")[2]
