"""`umbed-keras measure`: tables of the objects of masks."""

import csv

import numpy as np
import pytest
from PIL import Image

from umbed_keras.apps.command import main
from umbed_keras.segmentation import PixelClassifier, Project


@pytest.fixture
def masks(tmp_path):
    """A folder of two masks as `segment` writes them, and a folder of their images."""
    for name, shift in (("a", 0), ("sub/b", 3)):
        mask = np.ones((30, 40), "uint8")
        mask[4:10, 5 + shift : 13 + shift] = 2
        mask[20:25, 20:26] = 2
        mask[1, 1] = 2
        for folder, ending, values in (
            ("out", ".labels.png", mask),
            ("out", ".probability.png", mask * 90),
            ("images", ".png", mask * 10),
        ):
            path = tmp_path / folder / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    return tmp_path


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table_in_physical_units(masks, capsys):
    table, shares = masks / "cells.csv", masks / "shares.csv"
    options = ["--images", masks / "images", "--background", "1", "--min-size", "2"]
    options += ["--pixel-size", "0.5", "--unit", "um", "--fractions", shares, "--output", table]
    assert main(["measure", str(masks / "out"), *map(str, options)]) == 0
    found = rows(table)
    assert [(row["image"], row["label"], row["class"]) for row in found] == [
        ("a", "1", "2"),
        ("a", "2", "2"),
        ("sub/b", "1", "2"),
        ("sub/b", "2", "2"),
    ]
    assert [float(row["area"]) for row in found] == [12.0, 7.5, 12.0, 7.5]
    assert {row["unit"] for row in found} == {"um"}
    assert [float(row["centroid_x"]) for row in found] == [4.25, 11.25, 5.75, 11.25]
    assert {float(row["intensity_mean"]) for row in found} == {20.0}
    fractions = {(row["image"], row["class"]): float(row["fraction"]) for row in rows(shares)}
    assert fractions["a", "2"] == pytest.approx(79 / 1200, rel=1e-12)
    assert fractions["sub/b", "1"] == pytest.approx(1121 / 1200, rel=1e-12)
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"4 objects in 2 masks: {table}, {shares}"


def test_a_project_names_the_classes(masks, capsys):
    Project({1: "tissue", 2: "nucleus"}).save(masks / "p.umbed")
    arguments = ["measure", masks / "out", "--project", masks / "p.umbed", "--output", "c.csv"]
    arguments = [*map(str, arguments[:-1]), str(masks / "c.csv"), "--background"]
    assert main([*arguments, "tissue", "--fractions", str(masks / "f.csv")]) == 0
    assert {row["class_name"] for row in rows(masks / "c.csv")} == {"nucleus"}
    assert list(rows(masks / "c.csv")[0])[:4] == ["image", "label", "class", "class_name"]
    assert [row["class_name"] for row in rows(masks / "f.csv")[:2]] == ["tissue", "nucleus"]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*arguments, "stroma"])
    assert "must be one of ['tissue', 'nucleus']. Received: stroma" in capsys.readouterr().err


def test_numbers_of_objects_and_further_properties(masks, capsys):
    numbers = np.zeros((12, 12), int)
    numbers[2:5, 2:5] = numbers[8:10, 8:10] = 7  # one object in two parts
    np.save(masks / "objects.npy", numbers)
    options = ["--objects", "--properties", "euler_number", "--output", masks / "o.csv"]
    assert main(["measure", str(masks / "objects.npy"), *map(str, options)]) == 0
    (row,) = rows(masks / "o.csv")
    assert (row["label"], row["num_pixels"], row["euler_number"]) == ("7", "13", "2")
    assert capsys.readouterr().out == f"1 object in 1 mask: {masks / 'o.csv'}\n"


def test_touching_objects_are_divided(tmp_path):
    y, x = np.mgrid[:40, :60]
    mask = (np.hypot(y - 20, x - 20) < 12) | (np.hypot(y - 20, x - 40) < 12)
    np.save(tmp_path / "two.npy", mask)
    for options, count in (([], 1), (["--split", "0.8"], 2), (["--split"], 2)):
        main(["measure", str(tmp_path / "two.npy"), "--output", str(tmp_path / "t.csv"), *options])
        assert len(rows(tmp_path / "t.csv")) == count


def test_stacks_keep_their_pixel_size(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    stack = np.zeros((4, 12, 12), "uint8")
    stack[1:3, 2:6, 2:6] = 1
    tifffile.imwrite(
        tmp_path / "s.labels.tif",
        stack,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "ZYX", "spacing": 3, "unit": "um"},
    )
    assert main(["measure", str(tmp_path), "--output", str(tmp_path / "s.csv")]) == 0
    (row,) = rows(tmp_path / "s.csv")
    assert (row["image"], row["num_pixels"]) == ("s", "32")
    assert float(row["volume"]) == pytest.approx(32 * 3 * 0.5**2, rel=1e-6)


def test_what_segment_writes_is_measured(tmp_path):
    image = np.random.default_rng(0).integers(0, 90, (40, 32, 3), "uint8")
    image[8:20, 8:20] += 150
    strokes = np.zeros((40, 32), "uint8")
    strokes[30:34, 4:28], strokes[10:18, 10:18] = 1, 2
    Image.fromarray(image).save(tmp_path / "a.png")
    PixelClassifier("celeba_vae_d16").fit(image, strokes).save(tmp_path / "c.npz")
    out, table = str(tmp_path / "out"), tmp_path / "a.csv"
    applied = ["--classifier", tmp_path / "c.npz", "--apply", tmp_path / "a.png"]
    assert main(["segment", *map(str, applied), "--output", out]) == 0
    options = ["--images", tmp_path / "a.png", "--background", "1", "--min-size", "20"]
    assert main(["measure", out, *map(str, options), "--output", str(table)]) == 0
    (row,) = rows(table)
    assert row["image"] == "a"
    assert 100 < int(row["num_pixels"]) < 190
    assert float(row["intensity_mean_red"]) > 150


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/none.png"], "none.png"),
        (["{0}/out", "--images", "{0}/nix"], "nix: No such file"),
        (["{0}/out", "--images", "{0}/images/a.png"], "without an image of their name in --images"),
        (["{0}/out/a.labels.png", "--split", "2"], "--split must be between 0 and 1"),
        (["{0}/out/a.labels.png", "--images", "{0}/small.png"], "must have the same sizes"),
        (["{0}/out/a.labels.png", "--properties", "beauty"], "beauty"),
    ],
)
def test_errors_are_one_line(arguments, message, masks, capsys):
    Image.new("L", (9, 9)).save(masks / "small.png")
    with pytest.raises(SystemExit) as status:
        main(["measure", *(part.format(masks) for part in arguments), "--output", "x.csv"])
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("umbed-keras measure: error: ")
    assert message in error
    assert error.count("\n") == 1
