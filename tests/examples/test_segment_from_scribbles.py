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
    assert len(list(out.iterdir())) == 3 * len(images) + 1


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
    # A newer classifier may predict other labels.
    os.utime(out / "classifier.npz", ns=(first + 1, first + 1))
    run(*saved)
    assert labels.stat().st_mtime_ns > first


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/train/one.png"], "an image needs its strokes"),
        (["--apply", "{0}/apply"], "give one of"),
        (["--train", "{0}/train", "--classifier", "x.npz"], "give one of"),
        (["--classifier", "x.npz"], "--classifier needs --apply"),
        (["--train", "{0}/out"], "another folder"),
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
