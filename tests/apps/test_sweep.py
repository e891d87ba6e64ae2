"""`umbed-keras sweep`: from images to a table, a page and the best preset."""

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main

pytest.importorskip("keras_tuner")
SMALL = "--size 16 --epochs 1 --trials 2 --latent-dim 2 --atoms 4 --sparsity 1 2 --algorithm grid"


def test_a_sweep_ends_with_a_page_and_the_best_model(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")
    np.savez("images.npz", images)
    arguments = ["sweep", "images.npz", *SMALL.split(), "--preset", "best"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "2 trials, " in out
    assert ": runs/sweep/README.md, runs/sweep/trials.csv, best" in out
    page = (tmp_path / "runs" / "sweep" / "README.md").read_text()
    assert "| sparsity | bits per pixel | error | seconds |" in page
    assert "![pareto](pareto.png)" in page
    assert (tmp_path / "runs" / "sweep" / "pareto.png").exists()
    model = uk.PixelEmbedder.from_preset("best")
    assert model.latent_dim == 2
    # It resumes where it ended, and another sweep needs another folder.
    assert main(arguments) == 0
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*arguments, "--seed", "1", "--epochs", "2"])
    assert "another sweep" in capsys.readouterr().err
