"""`umbed-keras segment`: from strokes, a project or a classifier to files of results."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from umbed_keras.apps.command import main
from umbed_keras.images.labels import CLASS_COLORS, read_labels
from umbed_keras.segmentation import LabelClass, PixelClassifier, Project

PRESET = "celeba_vae_d16"
SIZE = (40, 32)
NAMES = "train/one.png", "train/two.jpg", "apply/three.png"


@pytest.fixture
def run(tmp_path):
    """`run(*arguments)` runs the command with the output folder `tmp_path / "out"`."""

    def run(*arguments):
        return main(["segment", *map(str, arguments), "--output", str(tmp_path / "out")])

    return run


@pytest.fixture
def refused(run, capsys):
    """`refused(*arguments)` returns the one line of a command that ends with status 2."""

    def refused(*arguments):
        with pytest.raises(SystemExit) as status:
            run(*arguments)
        assert status.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("umbed-keras segment: error: ")
        assert error.count("\n") == 1
        return error

    return refused


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


def test_a_project_brings_all_along(run, folders):
    folder, numbers = folders
    np.save(folder / "stack.npy", np.random.default_rng(1).integers(0, 90, (2, *SIZE), "uint8"))
    project = Project(preset=PRESET, smoothing=1.0)
    key = project.add_image(folder / "stack.npy", axes="zyx")
    project.set_strokes(key, numbers, plane=(1,))
    project.save(folder / "cells.umbed")
    run("--project", folder / "cells.umbed")
    assert np.array_equal(read_labels(folder / "out" / "stack.labels.tif"), project.predict(key))


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


def test_broken_files_are_named_at_the_end(run, folders, capsys):
    folder, _ = folders
    (folder / "apply" / "a_broken.png").write_bytes(b"no image")
    (folder / "apply" / "sky.fits").write_bytes(b"SIMPLE")
    training = folder / "train" / "one.png", folder / "train" / "one.strokes.png"
    assert run(*training, "--apply", folder / "apply", "--preset", PRESET) == 1
    captured = capsys.readouterr()
    assert "left out because it can't be used: " in captured.err
    assert "a_broken.png" in captured.err
    assert "sky.fits" in captured.err
    assert (folder / "out" / "three.labels.png").exists()


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/train/one.png"], "an image needs its strokes"),
        (["--apply", "{0}/apply"], "give one of"),
        (["--train", "{0}/train", "--classifier", "x.npz"], "give one of"),
        (["--classifier", "x.npz"], "--classifier needs --apply"),
        (["--train", "{0}/out"], "another folder"),
        (["--classifier", "x.npz", "--apply", "{0}", "--scaling", "dtype"], "--scaling belongs"),
        (["--classifier", "x.npz", "--apply", "{0}", "--channels", "0"], "--channels belongs"),
        (["--classifier", "x.npz", "--apply", "{0}", "--preset", "x"], "--preset belongs"),
        (["--train", "{0}/train", "--scaling", "bright"], "`limits` must be one of"),
        (["--project", "{0}/p.umbed", "--preset", "x"], "one of the settings of the project"),
        (["--train", "{0}/none"], "none: No such file or directory"),
        (["--classifier", "{0}/train/one.png", "--apply", "{0}/apply"], "is no file of a pixel"),
        (["{0}/train/one.png", "{0}/train/two.jpg"], "must label some pixels"),
        (["{0}/train/one.png", "{0}/broken.png"], "nothing to learn from: {0}/broken.png: "),
    ],
)
def test_bad_arguments_are_refused(arguments, message, refused, folders):
    folder, _ = folders
    (folder / "broken.png").write_bytes(b"no image")
    error = refused(*(argument.format(folder) for argument in arguments))
    assert message.format(folder) in error


def test_bad_folders_are_refused(refused, folders):
    folder, _ = folders
    assert "strokes in all: 0" in refused("--train", folder / "apply")
    (folder / "train" / "one.png").unlink()
    assert "Without an image: ['one']" in refused("--train", folder / "train")
    (folder / "apply" / "two.png").write_bytes((folder / "apply" / "three.png").read_bytes())
    (folder / "train" / "one.strokes.png").unlink()
    message = refused("--train", folder / "train", "--apply", folder / "apply")
    assert "must differ without their suffix" in message


def test_a_project_segments_its_images_and_others(run, folders, capsys):
    folder, numbers = folders
    project = Project({1: LabelClass("dark", (9, 8, 7)), 2: "bright"}, PRESET)
    key = project.add_image(folder / "train" / "one.png")
    project.set_strokes(key, numbers)
    project.add_image(folder / "train" / "two.jpg")
    project.save(folder / "p.umbed")
    (folder / "train" / "two.jpg").unlink()  # it has no strokes
    with pytest.warns(UserWarning, match="two.jpg"):
        status = run("--project", folder / "p.umbed", "--apply", folder / "apply" / "three.png")
    assert status == 0
    for name in ("one", "three"):
        labels = read(folder / "out" / f"{name}.labels.png")
        assert (labels == 1 + (np.arange(32) > 15)).mean() > 0.95
    out = capsys.readouterr().out
    assert f"into classes 1 (dark), 2 (bright): {folder / 'out'}/*.labels.*" in out
    # Its colours are those of the overlays and the palettes, also if nothing else changes.
    palette = Image.open(folder / "out" / "one.labels.png").getpalette()
    assert palette[3:9] == [9, 8, 7, *CLASS_COLORS[1]]
    assert [9, 8, 7] in read(folder / "out" / "one.overlay.png").reshape(-1, 3).tolist()
    project.classes[1] = LabelClass("dark", (70, 80, 90))
    project.save()
    with pytest.warns(UserWarning, match="two.jpg"):
        run("--project", folder / "p.umbed")
    assert [70, 80, 90] in read(folder / "out" / "one.overlay.png").reshape(-1, 3).tolist()


def test_images_without_strokes_are_counted(run, folders, capsys):
    folder, _ = folders
    (folder / "train" / "two.strokes.png").unlink()
    run("--train", folder / "train")
    hint = f"1 images without strokes are left out: add --apply {folder / 'train'}"
    assert hint in capsys.readouterr().err


def test_results_of_two_classifiers_are_never_mixed(run, folders):
    folder, _ = folders
    image, strokes = folder / "train" / "one.png", folder / "train" / "one.strokes.png"
    for name, smoothing in (("a.npz", 1.5), ("b.npz", 0)):
        PixelClassifier(PRESET, smoothing=smoothing).fit(image, strokes).save(folder / name)
    out, apply = folder / "out", ("--apply", folder / "apply")
    run("--classifier", folder / "a.npz", *apply)
    first = {path.name: path.read_bytes() for path in out.glob("three.*")}
    # The second classifier fails when a part of its results is written.
    (out / "three.labels.png").unlink()
    (out / "three.labels.png").mkdir()
    assert run("--classifier", folder / "b.npz", *apply) == 1
    (out / "three.labels.png").rmdir()
    (out / "three.labels.png").write_bytes(first["three.labels.png"])
    run("--classifier", folder / "a.npz", *apply)
    assert {path.name: path.read_bytes() for path in out.glob("three.*")} == first


def test_results_of_an_earlier_kind_are_removed(run, folders):
    folder, numbers = folders
    image = folder / "train" / "one.png"
    run(image, folder / "train" / "one.strokes.png", "--preset", PRESET)
    assert (folder / "out" / "one.labels.png").exists()
    np.save(folder / "train" / "large.strokes.npy", 70000 * numbers.astype(int))
    run(image, folder / "train" / "large.strokes.npy", "--preset", PRESET)
    assert not (folder / "out" / "one.labels.png").exists()
    assert set(np.unique(read_labels(folder / "out" / "one.labels.tif"))) == {70000, 140000}


def test_an_output_folder_within_the_images_and_equal_names_in_subfolders(run, folders):
    folder, _ = folders
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "three.png").write_bytes((folder / "apply" / "three.png").read_bytes())
    (folder / "apply" / "three.png").unlink()
    training = folder / "train" / "one.png", folder / "train" / "one.strokes.png"
    (folder / "train" / "two.jpg").unlink()
    (folder / "train" / "two.strokes.png").unlink()
    for _ in range(2):
        # The output folder, tmp_path / "out", lies within the folder of images.
        run(*training, "--apply", folder, "--preset", PRESET)
        out = sorted(path.relative_to(folder / "out") for path in folder.glob("out/**/*.labels.*"))
        names = ["a/three.labels.png", "b/three.labels.png", "train/one.labels.png"]
        assert [path.as_posix() for path in out] == names


def test_a_broken_training_image_does_not_stop_the_others(run, folders, capsys):
    folder, numbers = folders
    (folder / "train" / "two.jpg").write_bytes(b"no image")
    Image.fromarray(read(folder / "train" / "one.png")).save(folder / "train" / "small.png")
    Image.fromarray(numbers[:-1]).save(folder / "train" / "small.strokes.png")
    assert run("--train", folder / "train", "--preset", PRESET) == 1
    message = capsys.readouterr().err
    assert "two.jpg is no image that can be read" in message
    assert "small.strokes.png" in message
    assert (folder / "out" / "one.labels.png").exists()


def test_georeferenced_results(run, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    image = np.random.default_rng(0).integers(0, 90, SIZE, "uint8")
    image[:, 16:] += 150
    transform = rasterio.transform.from_origin(500000, 4000000, 10, 10)
    options = {"driver": "GTiff", "height": SIZE[0], "width": SIZE[1], "count": 1}
    with rasterio.open(
        tmp_path / "a.tif", "w", dtype="uint8", crs="EPSG:32633", transform=transform, **options
    ) as file:
        file.write(image, 1)
    strokes = np.zeros(SIZE, "uint8")
    strokes[5:9, 2:14], strokes[20:24, 18:30] = 1, 2
    Image.fromarray(strokes).save(tmp_path / "a.strokes.png")
    run(tmp_path / "a.tif", tmp_path / "a.strokes.png", "--preset", PRESET)
    for kind in ("labels", "probability"):
        with rasterio.open(tmp_path / "out" / f"a.{kind}.tif") as file:
            assert file.transform == transform
            assert file.shape == SIZE
