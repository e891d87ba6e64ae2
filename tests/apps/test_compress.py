"""`umbed-keras compress` and `decompress`."""

import re

import keras
import numpy as np
import pytest
from PIL import Image

import umbed_keras as uk
from umbed_keras.apps.command import main


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


def error_of(capsys, *arguments):
    """The line that a command ends with, whose status is 2."""
    with pytest.raises(SystemExit) as status:
        main(arguments)
    assert status.value.code == 2
    return capsys.readouterr().err


def test_decompressed_images_are_reconstructions(preset, tmp_path, capsys):
    model = uk.VQVAE.from_preset(preset)
    values = np.random.default_rng(1).integers(0, 256, (12, 17, 3), "uint8")
    Image.fromarray(values).save(tmp_path / "photo.png")
    main(["compress", str(tmp_path / "photo.png"), "--preset", str(preset)])
    small = tmp_path / "photo.png.umbed"
    assert f"{small.stat().st_size} bytes" in capsys.readouterr().out
    main(["decompress", str(small), "--preset", str(preset), "--output", str(tmp_path / "back")])
    with Image.open(tmp_path / "photo.png") as opened:
        given = np.asarray(opened.convert("L" if model.channels == 1 else "RGB"))
    expected = model.reconstruct(given.reshape(1, 12, 17, model.channels))[0]
    with Image.open(tmp_path / "back" / "photo.png.umbed.png") as opened:
        decompressed = np.asarray(opened).reshape(expected.shape)
    # PNG rounds to 255ths.
    np.testing.assert_allclose(decompressed / 255, expected, atol=0.5001 / 255)


def test_images_of_the_same_name_get_different_files(preset, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "a.jpg", tmp_path / "sub" / "a.png"]
    for path in paths:
        Image.new("L", (9, 9)).save(path)
    main(["compress", *map(str, paths[:2]), "--preset", str(preset)])
    made = {"a.png.umbed", "a.jpg.umbed"}
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.jpg", "sub", *made}
    options = ["--preset", str(preset), "--output", str(tmp_path / "out")]
    message = error_of(capsys, "compress", *map(str, paths), *options)
    assert re.search(r"a\.png and .*a\.png would both become .*a\.png\.umbed", message)
    assert not (tmp_path / "out").exists()


def test_failures_are_reported_and_leave_files_as_they_are(preset, tmp_path, monkeypatch, capsys):
    other, image = tmp_path / "other.umbed", tmp_path / "image.png"
    other.write_bytes(b"something else")
    image.write_bytes(b"no image")
    for path, message in (
        (other, r"other\.umbed: .*another model"),
        (image, r"image\.png is no image"),
        (tmp_path / "none.png", r"none\.png"),
    ):
        name = "decompress" if path == other else "compress"
        assert re.search(message, error_of(capsys, name, str(path), "--preset", str(preset)))
    message = error_of(capsys, "compress", str(image), "--preset", "no_such_preset")
    assert "no_such_preset" in message
    assert "compressed already" in error_of(capsys, "compress", str(other), "--preset", "x")
    assert "is not compressed" in error_of(capsys, "decompress", str(image), "--preset", "x")
    assert {path.name for path in tmp_path.iterdir()} == {"other.umbed", "image.png"}
    # A disk that is full as it writes.
    target = tmp_path / "image.png.umbed"
    Image.new("L", (9, 9)).save(image)
    target.write_text("before")

    def full(path, content):
        path.open("wb").write(content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert "No space left" in error_of(capsys, "compress", str(image), "--preset", str(preset))
    assert target.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 3
