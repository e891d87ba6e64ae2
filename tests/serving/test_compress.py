"""The command that makes images small files and back."""

import keras
import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.serving.compress import main

pytestmark = pytest.mark.torch_alone


@pytest.fixture(scope="module", params=[3, 1], ids=["colours", "gray"])
def preset(request, tmp_path_factory):
    keras.utils.set_random_seed(0)
    small = {"filters": 4, "residual_units": 2, "residual_blocks": 1, "channels": request.param}
    model = uk.VQVAE(8, latent_dim=3, **small)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, request.param), "uint8")
    model.adapt(images)
    model.adapt_codec(images, verbose=0)
    folder = tmp_path_factory.mktemp("presets") / "small"
    model.save_to_preset(folder)
    return folder


def test_there_and_back(preset, tmp_path, capsys):
    model = uk.VQVAE.from_preset(preset)
    values = np.random.default_rng(1).integers(0, 256, (12, 17, 3), "uint8")
    Image.fromarray(values).save(tmp_path / "photo.png")
    main([str(tmp_path / "photo.png"), "--preset", str(preset)])
    small = tmp_path / "photo.umbed"
    assert f"{small.stat().st_size} bytes" in capsys.readouterr().out
    main([str(small), "--preset", str(preset), "--output", str(tmp_path / "back")])
    with Image.open(tmp_path / "photo.png") as opened:
        given = np.asarray(opened.convert("L" if model.channels == 1 else "RGB"))
    expected = model.reconstruct(given.reshape(1, 12, 17, model.channels))[0]
    with Image.open(tmp_path / "back" / "photo.umbed.png") as opened:
        found = np.asarray(opened).reshape(expected.shape)
    # PNG keeps whole 255ths.
    np.testing.assert_allclose(found / 255, expected, atol=0.5001 / 255)


def test_what_is_no_stream(preset, tmp_path):
    (tmp_path / "other.umbed").write_bytes(b"something else")
    with pytest.raises(ValueError, match="another model"):
        main([str(tmp_path / "other.umbed"), "--preset", str(preset)])
    assert [path.name for path in tmp_path.iterdir()] == ["other.umbed"]
