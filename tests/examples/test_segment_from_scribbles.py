import runpy
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[2] / "examples" / "segment_from_scribbles.py"


def test_strokes_become_labels(tmp_path, monkeypatch, capsys):
    image = np.random.default_rng(0).integers(0, 90, (40, 32, 3), "uint8")
    image[:, 16:] += 150
    strokes = np.zeros((40, 32), "uint8")
    strokes[5:9, 2:14], strokes[20:24, 18:30] = 1, 2
    paths = [tmp_path / name for name in ("image.npy", "strokes.npy", "labels.npy")]
    np.save(paths[0], image)
    np.save(paths[1], strokes)
    arguments = [SCRIPT.name, *map(str, paths), "--preset", "celeba_vae_d16"]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert (np.load(paths[2]) == 1 + (np.arange(32) > 15)).mean() > 0.95
    assert "class 1 50" in capsys.readouterr().out
