"""`umbed-keras embed` and `segment-store`: images on disk to Zarr stores."""

import sys

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.apps.command import main
from umbed_keras.segmentation import PixelClassifier

zarr = pytest.importorskip("zarr")


@pytest.fixture
def image(tmp_path):
    image = np.random.default_rng(0).integers(0, 90, (40, 32, 3), "uint8")
    image[:, 16:] += 150
    np.save(tmp_path / "a.npy", image)
    return image


def test_vectors_and_what_was_made(image, tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("a.npy", "a.zarr")]
    options = ["--preset", "celeba_vae_d16", "--dtype", "float16", "--shard", "0/1"]
    for _ in range(2):  # the second time nothing is left to do
        assert main(["embed", *paths, *options]) == 0
    made = f"vectors of {paths[0]} by celeba_vae_d16: {paths[1]} (part 0 of 1)"
    assert capsys.readouterr().out.splitlines()[-1] == made
    expected = uk.PixelEmbedder.from_preset("celeba_vae_d16").embed(image[None])[0]
    stored = zarr.open(paths[1])[:]
    # A float16 has 11 bits.
    np.testing.assert_allclose(stored, expected, rtol=2**-11, atol=1e-4)


def test_classes(image, tmp_path, capsys):
    strokes = np.zeros(image.shape[:2], int)
    strokes[5:9, 2:14], strokes[20:24, 18:30] = 1, 2
    classifier = PixelClassifier("celeba_vae_d16").fit(image, strokes)
    classifier.save(tmp_path / "c.npz")
    paths = [str(tmp_path / name) for name in ("c.npz", "a.npy", "a.zarr")]
    assert main(["segment-store", *paths]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"c.npz: {paths[2]}")
    stored = zarr.open(paths[2])[:]
    assert np.mean(stored == classifier.predict(image)) >= 0.999


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.npy", "a.zarr"], "the following arguments are required: --preset"),
        (["none.npy", "a.zarr", "--preset", "celeba_vae_d16"], "none.npy"),
        (["a.npy", "a.zarr", "--preset", "p", "--shard", "x"], "must be i/n, such as 0/4"),
    ],
)
def test_errors_are_one_line(arguments, message, image, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as status:
        main(["embed", *arguments])
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("umbed-keras embed: error: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_extra_is_named(image, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "zarr", None)
    paths = [str(tmp_path / name) for name in ("a.npy", "a.zarr")]
    with pytest.raises(SystemExit):
        main(["embed", *paths, "--preset", "celeba_vq_k16"])
    assert 'pip install "umbed_keras[stores]"' in capsys.readouterr().err
