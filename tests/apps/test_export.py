import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main


def test_an_exported_preset_gives_its_vectors(tmp_path, capsys):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "embed.onnx"
    assert main(["export", "celeba_vae_d16", str(path)]) == 0
    size = path.stat().st_size
    line = f"embed of celeba_vae_d16, PixelEmbedder: {path}, {size:,} bytes"
    assert capsys.readouterr().out.splitlines()[-1] == line
    images = np.random.default_rng(0).random((1, 24, 32, 3), "float32")
    session = runtime.InferenceSession(path)
    (vectors,) = session.run(None, {"images": images})
    expected = uk.PixelEmbedder.from_preset("celeba_vae_d16").embed(images)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_what_the_model_does_not_have_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as status:
        main(["export", "celeba_vqvae_k512", str(tmp_path / "a.onnx"), "--what", "embed"])
    assert status.value.code == 2
    assert "umbed-keras export: error: `what` must be one of" in capsys.readouterr().err
