"""`umbed-keras train` and `autoencode`: from images of any kind to a preset with its quality."""

import csv

import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.apps.command import main

# The least that can be trained.
PIXELS = "--size 16 --epochs 2 --crops 1 --latent-dim 2 --levels 1 --hidden-units 4 --pixels 4"
AUTOENCODER = "--size 16 --epochs 1 --filters 4 --latent-dim 4 --entries 8"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder, with images of 16 bits in the folder `scans`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UMBED_LPIPS", str(tmp_path))  # which has no weights
    (tmp_path / "scans").mkdir()
    random = np.random.default_rng(0)
    for index in range(4):
        numbers = random.integers(100, 4000, (24, 30)).astype("uint16")
        np.save(tmp_path / "scans" / f"{index}.npy", numbers)
    return tmp_path


def refused(capsys, *arguments):
    """Returns the one line of a command that ends with status 2."""
    with pytest.raises(SystemExit) as status:
        main([*map(str, arguments)])
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_train_makes_a_preset_and_resumes(folder, capsys):
    arguments = ["train", "scans", *PIXELS.split(), "--output", "mine"]
    assert main([*arguments, "--bottleneck", "dictionary", "--license", "CC0 4"]) == 0
    out = capsys.readouterr().out
    assert "3 images to cut squares from, squares of 1 others held out" in out
    assert "parameters, trained for 2 epochs: mine/preset; mine/log.csv, mine/patches" in out
    model = uk.PixelEmbedder.from_preset(folder / "mine" / "preset")
    assert model.embed(np.zeros((1, 9, 9, 3), "uint8")).shape == (1, 9, 9, 2)
    card = (folder / "mine" / "preset" / "README.md").read_text()
    assert f"umbed-keras {' '.join(arguments)} --bottleneck dictionary --license 'CC0 4'" in card
    assert "| MSE of patch pyramids |" in card
    assert "figure.png" not in card
    assert Image.open(folder / "mine" / "patches.png").size > (99, 99)

    # The epochs of another call are those that are left: here none.
    assert main([*arguments, "--bottleneck", "dictionary", "--figure", "scans/1.npy"]) == 0
    with open(folder / "mine" / "log.csv") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert (folder / "mine" / "preset" / "figure.png").exists()
    assert "another model" in refused(capsys, *arguments)


def test_autoencode_makes_a_preset_and_names_broken_files(folder, capsys):
    (folder / "scans" / "0.npy").write_bytes(b"none")
    with pytest.warns(UserWarning, match="0.npy is left out"):
        status = main(["autoencode", "scans", *AUTOENCODER.split(), "--gray", "--model", "vqvae"])
    assert status == 1
    written = capsys.readouterr()
    assert "VQVAE with" in written.out
    assert "runs/autoencoder/preset; runs/autoencoder/log.csv" in written.out
    assert "left out because it can't be used: scans/0.npy" in written.err
    model = uk.VQVAE.from_preset(folder / "runs" / "autoencoder" / "preset")
    assert model.channels == 1


def test_errors_are_one_line_before_anything_is_trained(folder, capsys):
    for arguments, message in {
        ("train", "none"): "There is no folder",
        ("train", "scans", "--epochs", "0"): "--epochs must be at least 1",
        ("train", "scans", "--scaling", "loud"): "must be one of",
        ("train", "scans", "--figure", "none.png"): "none.png",
        ("train", "scans", "--backbone", "celeba_vq_k16"): "must name a preset with a backbone",
        ("train", "scans", "--backbone", "keras.applications:VGG17"): "first: VGG19, VGG16",
        ("train", "scans", "--features-only"): "need a --backbone",
        ("autoencode", "scans", "--start", "celeba_lapped_r1"): "--start needs --model lapped",
        ("sweep", "none"): "There is no folder",
        ("sweep", "scans", "--size", "16", "--sparsity", "9", "--latent-dim", "2"): "`sparsity`",
    }.items():
        error = refused(capsys, *arguments)
        assert error.startswith(f"umbed-keras {arguments[0]}: error: ")
        assert message in error
    assert not list((folder).rglob("*.npz"))
