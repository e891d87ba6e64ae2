import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from umbed_keras.segmentation import PixelClassifier

EXAMPLES = Path(__file__).parents[2] / "examples"
PRESET = "celeba_vae_d16"
SIZE = (40, 32)
NAMES = "train/one.png", "train/two.jpg", "apply/three.png"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """`run(*arguments)` runs the script with the output folder `tmp_path / "out"`."""
    monkeypatch.syspath_prepend(EXAMPLES)

    def run(*arguments):
        arguments = [str(argument) for argument in (*arguments, "--output", tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["segment_from_scribbles.py", *arguments])
        runpy.run_path(str(EXAMPLES / "segment_from_scribbles.py"), run_name="__main__")

    return run


@pytest.fixture
def folders(tmp_path):
    """Writes two images with strokes, in class numbers and in colours, and one without."""
    random = np.random.default_rng(0)
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        image = random.integers(0, 90, (*SIZE, 3), "uint8")
        image[:, 16:] += 150
        Image.fromarray(image).save(path)
    numbers = np.zeros(SIZE, "uint8")
    numbers[5:9, 2:14], numbers[20:24, 18:30] = 1, 2
    Image.fromarray(numbers).save(tmp_path / "train" / "one.strokes.png")
    coloured = np.full((*SIZE, 3), 255, "uint8")
    coloured[numbers == 1], coloured[numbers == 2] = (213, 94, 0), (0, 114, 178)
    Image.fromarray(coloured).save(tmp_path / "train" / "two.strokes.png")
    return tmp_path, numbers


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_folder_of_strokes_segments_itself_and_another_folder(run, folders):
    folder, numbers = folders
    run("--train", folder / "train", "--apply", folder / "apply", "--preset", PRESET)
    out = folder / "out"
    images = {Path(name).stem: read(folder / name) for name in NAMES}
    classifier = PixelClassifier(PRESET).fit([images["one"], images["two"]], [numbers, numbers])
    loaded = PixelClassifier.load(out / "classifier.npz", classifier.embedder)
    for name, image in images.items():
        probabilities = classifier.predict_proba(image)
        np.testing.assert_array_equal(
            read(out / f"{name}.labels.png"), 1 + probabilities.argmax(axis=-1)
        )
        largest = read(out / f"{name}.probability.png") / 255
        # Half a step of 8 bits.
        np.testing.assert_allclose(largest, probabilities.max(axis=-1), rtol=0, atol=0.501 / 255)
        assert read(out / f"{name}.overlay.png").shape == image.shape
        np.testing.assert_array_equal(loaded.predict(image), classifier.predict(image))
    assert len(list(out.iterdir())) == 3 * len(images) + 2  # classifier.npz and done.json


@pytest.mark.torch_alone
def test_images_that_are_done_are_skipped(run, folders):
    folder, _ = folders
    run(folder / "train" / "one.png", folder / "train" / "one.strokes.png", "--preset", PRESET)
    out = folder / "out"
    saved = ("--classifier", out / "classifier.npz", "--apply", folder / "apply")
    run(*saved)
    labels = out / "three.labels.png"
    first = labels.stat().st_mtime_ns
    run(*saved)
    assert labels.stat().st_mtime_ns == first
    # Of an altered image the labels are those of its old content, whenever it was altered.
    image = folder / "apply" / "three.png"
    Image.fromarray(read(image)[::-1]).save(image)
    os.utime(image, ns=(first - 1, first - 1))
    run(*saved)
    second = labels.stat().st_mtime_ns
    assert second > first
    # Another classifier may predict other labels.
    strokes = read(folder / "train" / "one.strokes.png")
    other = PixelClassifier(PRESET, smoothing=0).fit(read(folder / "train" / "one.png"), strokes)
    other.save(out / "classifier.npz")
    run(*saved)
    assert labels.stat().st_mtime_ns > second


@pytest.mark.torch_alone
def test_broken_files_are_named_at_the_end(run, folders, capsys):
    folder, _ = folders
    (folder / "apply" / "a_broken.png").write_bytes(b"no image")
    (folder / "apply" / "sky.fits").write_bytes(b"SIMPLE")
    training = folder / "train" / "one.png", folder / "train" / "one.strokes.png"
    with pytest.raises(SystemExit) as status:
        run(*training, "--apply", folder / "apply", "--preset", PRESET)
    assert status.value.code == 1
    captured = capsys.readouterr()
    assert "not segmented: " in captured.err
    assert "a_broken.png" in captured.err
    assert "sky.fits" in captured.err
    assert (folder / "out" / "three.labels.png").exists()


@pytest.mark.torch_alone
def test_stacks_of_16_bits(run, tmp_path):
    tifffile = pytest.importorskip("tifffile")
    random = np.random.default_rng(0)
    stack = random.integers(100, 110, (3, *SIZE)).astype("uint16")
    stack[:, :, 16:] += 100
    strokes = np.zeros(stack.shape, "uint32")
    strokes[1, 5:9, 2:14], strokes[1, 20:24, 18:30] = 1, 70000
    tifffile.imwrite(tmp_path / "cells.tif", stack)
    tifffile.imwrite(tmp_path / "cells.strokes.tif", strokes)
    run(tmp_path / "cells.tif", tmp_path / "cells.strokes.tif", "--axes", "zyx", "--preset", PRESET)
    labels = tifffile.imread(tmp_path / "out" / "cells.labels.tif")
    assert labels.shape == stack.shape
    expected = np.where(np.arange(SIZE[1]) < 16, 1, 70000)
    assert (labels == expected).mean() > 0.95
    assert tifffile.imread(tmp_path / "out" / "cells.probability.tif").shape == stack.shape
    assert read(tmp_path / "out" / "cells.overlay.png").shape == (*SIZE, 3)


@pytest.mark.torch_alone
def test_scaling_and_channels_are_chosen(run, tmp_path):
    numbers = np.zeros((2, *SIZE), "uint16")
    numbers[1, :, 16:] = 2000
    numbers[0] = np.random.default_rng(0).integers(0, 60000, SIZE)
    np.save(tmp_path / "two.npy", numbers)
    strokes = np.zeros(SIZE, int)
    strokes[5:9, 2:14], strokes[20:24, 18:30] = 1, 2
    np.save(tmp_path / "two.strokes.npy", strokes)
    options = "--axes", "cyx", "--channels", "1", "--scaling", "0,4000", "--preset", PRESET
    run(tmp_path / "two.npy", tmp_path / "two.strokes.npy", *options)
    loaded = PixelClassifier.load(tmp_path / "out" / "classifier.npz")
    assert (loaded.scaling.limits, loaded.channels) == ([(0.0, 4000.0)], [1])
    assert (read(tmp_path / "out" / "two.labels.png") == 1 + (np.arange(32) > 15)).mean() > 0.95


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/train/one.png"], "an image needs its strokes"),
        (["--apply", "{0}/apply"], "give one of"),
        (["--train", "{0}/train", "--classifier", "x.npz"], "give one of"),
        (["--classifier", "x.npz"], "--classifier needs --apply"),
        (["--train", "{0}/out"], "another folder"),
        (["--train", "{0}/train", "--scaling", "bright"], "`limits` must be one of"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, run, folders, capsys):
    folder, _ = folders
    with pytest.raises(SystemExit):
        run(*(argument.format(folder) for argument in arguments))
    assert message in capsys.readouterr().err


@pytest.mark.torch_alone
def test_bad_folders_are_refused(run, folders):
    folder, _ = folders
    with pytest.raises(ValueError, match="strokes in all: 0"):
        run("--train", folder / "apply")
    (folder / "train" / "one.png").unlink()
    with pytest.raises(ValueError, match=r"Without an image: \['one'\]"):
        run("--train", folder / "train")
    (folder / "apply" / "two.png").write_bytes((folder / "apply" / "three.png").read_bytes())
    (folder / "train" / "one.strokes.png").unlink()
    with pytest.raises(ValueError, match="must differ without their suffix"):
        run("--train", folder / "train", "--apply", folder / "apply")
