import contextlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from umbed_keras.segmentation import Project
from umbed_keras.segmentation.project.runs import check_runs, labels_of, runs_of

MESSAGE = "is no project, or is broken"


@pytest.fixture
def saved(tmp_path):
    """A project file of one stack, and what is in it."""
    np.save(tmp_path / "stack.npy", np.zeros((2, 6, 7), "uint8"))
    project = Project({1: "cell"})
    key = project.add_image(tmp_path / "stack.npy", "zyx")
    project.set_strokes(key, np.random.default_rng(0).integers(0, 3, (2, 6, 7)))
    project.save(tmp_path / "project.umbed")
    with zipfile.ZipFile(tmp_path / "project.umbed") as archive:
        return tmp_path / "project.umbed", {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def array(values, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(values), (1, 0), **options)
    return file.getvalue()


def test_the_file_holds_json_and_arrays(saved):
    _, parts = saved
    assert sorted(parts) == ["project.json", "strokes/0.npy"]
    header = json.loads(parts["project.json"])
    assert (header["format"], header["version"]) == ("umbed_keras project", 1)
    assert header["images"][0]["path"] == "stack.npy"
    assert np.load(io.BytesIO(parts["strokes/0.npy"]), allow_pickle=False).dtype == np.int64


def test_every_truncated_file_is_refused(saved):
    path, _ = saved
    content = path.read_bytes()
    for size in range(0, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=MESSAGE):
            Project.load(path)


def test_altered_bytes_are_refused_or_change_nothing(saved):
    path, _ = saved
    content, original = path.read_bytes(), Project.load(path)
    for position in range(0, len(content), 5):
        altered = bytearray(content)
        altered[position] ^= 0x55
        path.write_bytes(altered)
        with contextlib.suppress(ValueError):
            # A time of change, or the like.
            assert not Project.load(path).diff(original)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("format",), "another"),
        (("version",), 2),
        (("version",), None),
        (("classes",), []),
        (("classes",), {"0": {"name": "a", "color": [0, 0, 0]}}),
        (("classes", "1", "color"), [0, 0]),
        (("classes", "1", "name"), 5),
        (("settings", "preset"), ["a"]),
        (("settings", "further"), 1),
        (("settings", "seed"), -1),
        (("settings", "smoothing"), "no such"),
        (("settings", "scaling"), {"limits": [[2, 1]]}),
        (("images",), 7),
        (("images", 0, "path"), None),
        (("images", 0, "content"), 3),
        (("images", 0, "sizes"), {"y": 6}),
        (("images", 0, "sizes"), {"z": 2, "y": -6, "x": 7}),
        (("images", 0, "sizes"), {"z": 2, "y": 2**40, "x": 2**40}),
        (("images", 0, "sizes"), {"z": 1, "y": 6, "x": 7}),
        (("images", 0, "sizes"), {"z": 2, "y": 2, "x": 7}),
        (("images", 0, "axes"), 5),
        (("images", 0, "series"), [1]),
    ],
)
def test_altered_settings_are_refused(saved, place, value):
    path, parts = saved
    header = json.loads(parts["project.json"])
    inner = header
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    rewritten(path, {**parts, "project.json": json.dumps(header)})
    with pytest.raises(ValueError, match=MESSAGE):
        Project.load(path)


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 40, 3, 1]],  # beyond the end
        [[0, 0, 3, 1], [0, 2, 2, 1]],  # overlapping
        [[0, -1, 3, 1]],
        [[0, 0, 0, 1]],
        [[0, 0, 1, 0]],
        [[2, 0, 1, 1]],
        [[-1, 0, 1, 1]],
        [[0, 2**62, 2**62, 1]],
        [[0, 5, 2**63 - 3, 1]],
    ],
)
def test_strokes_outside_of_their_image_are_refused(saved, rows):
    path, parts = saved
    rewritten(path, {**parts, "strokes/0.npy": array(np.array(rows, "int64"))})
    with pytest.raises(ValueError, match=MESSAGE):
        Project.load(path)


@pytest.mark.parametrize(
    "content",
    [
        array(np.zeros((2, 4), "float64")),
        array(np.zeros((2, 3), "int64")),
        array(np.asfortranarray(np.ones((2, 4), "int64"))),
        array(np.array([[print] * 4], object), allow_pickle=True),
        pickle.dumps(print),
        b"",
        array(np.zeros((0, 4), "int64")).replace(b"(0, 4)", b"(9, 4)"),
    ],
)
def test_other_arrays_are_refused(saved, content):
    path, parts = saved
    rewritten(path, {**parts, "strokes/0.npy": content})
    with pytest.raises(ValueError, match=MESSAGE):
        Project.load(path)


def test_sizes_are_checked_before_anything_is_allocated(saved):
    path, parts = saved
    # An array that claims terabytes, and a text that really has 70 MB.
    claimed = array(np.zeros((1, 4), "int64")).replace(b"(1, 4)", b"(99999999999, 4)")
    for part in ({"strokes/0.npy": claimed}, {"project.json": b" " * 70_000_000}):
        rewritten(path, {**parts, **part})
        with pytest.raises(ValueError, match=MESSAGE):
            Project.load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Project.load(tmp_path / "nothing.umbed")


@pytest.mark.parametrize("seed", range(5))
def test_runs_are_labels(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(-2, 3, (random.integers(1, 9), random.integers(1, 9)))
    runs = runs_of(labels)
    check_runs(runs, labels.size)
    assert np.array_equal(labels_of(runs, labels.shape), labels)
    flat, starts = labels.ravel(), runs[:, 0]
    assert all((flat[start - 1] != flat[start]) or start == 0 for start in starts)


def test_large_labels_are_few_bytes(tmp_path):
    np.save(tmp_path / "large.npy", np.zeros((2000, 3000), "uint8"))
    project, labels = Project(), np.zeros((2000, 3000), int)
    labels[500:1500, 100:2000] = 2**40
    key = project.add_image(tmp_path / "large.npy")
    project.set_strokes(key, labels)
    project.save(tmp_path / "project.umbed")
    assert (tmp_path / "project.umbed").stat().st_size < 20_000
    assert np.array_equal(Project.load(tmp_path / "project.umbed").strokes(key), labels)
