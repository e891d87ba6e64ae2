"""Tests of what the page keeps and computes, without HTTP."""

import shutil
import struct
import zipfile

import numpy as np
import pytest

import umbed_keras as uk

pytest.importorskip("sklearn")

from umbed_keras.apps.labelling.apply_files import Measuring
from umbed_keras.apps.page.label_tiles import SIDE, tiles_of, with_tiles
from umbed_keras.apps.page.pictures.drawing import Channel, image_picture
from umbed_keras.apps.page.pictures.tile_pyramid import TilePyramid
from umbed_keras.apps.page.worker import Task, Worker
from umbed_keras.apps.page.workspace import Workspace
from umbed_keras.segmentation.project.project import Project
from umbed_keras.segmentation.project.runs import labels_of, runs_of

pytestmark = pytest.mark.torch_alone
PRESET = "celeba_vq_k16"


def picture(seed=0, shape=(40, 48)):
    values = np.random.default_rng(seed).integers(0, 40, (*shape, 3))
    values[:, shape[1] // 2 :] += 180
    return values.astype("uint8")


def tile(labels, row=0, col=0):
    """The bytes of a tile that begins with labels."""
    whole = np.zeros((SIDE, SIDE), "uint8")
    whole[: labels.shape[0], : labels.shape[1]] = labels
    return struct.pack("<II", row, col) + whole.tobytes()


def strokes(first=1, second=2, shape=(40, 48)):
    labels = np.zeros(shape, "uint8")
    labels[4:-4, 3], labels[4:-4, -4] = first, second
    return labels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(2):
        np.save(folder / f"{seed}.npy", picture(seed))
    return folder


@pytest.fixture
def open_workspace():
    opened = []

    def open_(paths, **options):
        opened.append(Workspace.of_paths(paths, **options))
        if opened[-1].project.preset != PRESET:
            opened[-1].set_preset(PRESET)
        return opened[-1]

    yield open_
    for workspace in opened:
        workspace.close()


@pytest.fixture
def workspace(folder, open_workspace):
    return open_workspace([folder])


def keys(workspace):
    return [image["key"] for image in workspace.state()["images"]]


def test_strokes_are_answered_and_kept(workspace, folder, open_workspace):
    first, second = keys(workspace)
    news = []
    workspace.events.publish = news.append
    workspace.answers._publish = news.append
    workspace.view((first, ()))
    workspace.set_tiles((first, ()), tile(strokes()))
    workspace.worker.wait()
    answers = [part for part in news if part["type"] == "answer"]
    assert [part["draft"] for part in answers] == [True, False]
    answer = workspace.answers.answer_of((first, ()))
    assert np.mean(answer.classes == np.where(np.arange(48) < 24, 1, 2)) > 0.98
    assert answer.uncertainty.min() >= 1
    workspace.view((second, ()))
    workspace.worker.wait()
    assert workspace.answers.answer_of((second, ())).shares[1] == pytest.approx(0.5, abs=0.05)
    # Another process finds everything in the file.
    project = uk.segmentation.Project.load(folder / "project.umbed")
    np.testing.assert_array_equal(project.strokes(first), strokes())
    workspace.close()
    again = open_workspace([folder])
    assert again.state()["classes"][0]["count"] == 32
    assert again.labels((first, ())) == tiles_of(runs_of(strokes()), (40, 48))


def test_everything_is_undone_and_redone(workspace):
    first, second = keys(workspace)
    states = [(workspace.state()["classes"], workspace.labels((first, ())))]

    def note():
        states.append((workspace.state()["classes"], workspace.labels((first, ()))))

    workspace.set_tiles((first, ()), tile(strokes()))
    note()
    assert workspace.add_class("edge") == 3
    note()
    workspace.change_class(3, name="border")
    note()
    workspace.change_class(3, color="#010203")
    note()
    workspace.set_tiles((first, ()), tile(strokes(3, 2)))
    note()
    workspace.remove_class(3)
    note()
    workspace.clear((first, ()))
    note()
    workspace.remove_image(first)
    assert keys(workspace) == [second]
    for expected in reversed(states):
        workspace.undo()
        assert (workspace.state()["classes"], workspace.labels((first, ()))) == expected
    for expected in states[1:]:
        workspace.redo()
        assert (workspace.state()["classes"], workspace.labels((first, ()))) == expected
    assert workspace.redo() == "remove image"
    assert workspace.redo() is None


def test_two_pages_do_not_overwrite_each_other(workspace, folder, open_workspace):
    other, news = open_workspace([folder]), []
    other.add_class("of the other page")
    path = workspace.project.path
    workspace.events.publish, publish = news.append, workspace.events.publish
    workspace.add_class("of this page")
    workspace.add_class("more of this page")
    workspace.events.publish = publish
    # The work of both is kept, and the page says where.
    assert workspace.project.path == path.with_name("project-2.umbed")
    assert [str(workspace.project.path) in one["text"] for one in news if "text" in one] == [True]
    for at, names in (
        (path, ["of the other page"]),
        (workspace.project.path, ["of this page", "more of this page"]),
    ):
        classes = Project.load(at).classes.values()
        assert [given.name for given in classes][2:] == names


def test_a_change_that_fails_changes_nothing(workspace):
    first, _ = keys(workspace)
    workspace.add_class("edge")
    before = workspace.state()
    with pytest.raises(ValueError, match="called 'edge' already"):
        workspace.change_class(1, name="edge")
    with pytest.raises(ValueError, match="needs a name"):
        workspace.change_class(1, name="  ")
    with pytest.raises(ValueError, match="of a class that is not there"):
        workspace.set_tiles((first, ()), tile(strokes(1, 9)))
    with pytest.raises(ValueError, match="outside of their image"):
        workspace.set_tiles((first, ()), tile(strokes(), row=1))
    with pytest.raises(ValueError, match="has no plane"):
        workspace.set_tiles((first, (0,)), tile(strokes()))
    with pytest.raises(ValueError, match="truncated"):
        workspace.set_tiles((first, ()), tile(strokes())[:-1])
    assert workspace.state() == before


def test_more_than_six_classes_have_colours_of_their_own(workspace):
    for _ in range(10):
        workspace.add_class()
    classes = workspace.state()["classes"]
    assert len({given["color"] for given in classes}) == len(classes) == 12
    assert len({given["name"] for given in classes}) == 12


def test_moved_images_are_found_by_what_they_hold(workspace, folder, tmp_path):
    first, _ = keys(workspace)
    workspace.set_tiles((first, ()), tile(strokes()))
    workspace.worker.wait()
    (tmp_path / "moved").mkdir()
    for path in folder.glob("*.npy"):
        shutil.move(path, tmp_path / "moved")
    assert all(image["missing"] for image in workspace.state()["images"])
    assert workspace.open_path(tmp_path / "moved") == {}
    assert not any(image["missing"] for image in workspace.state()["images"])
    assert workspace.state()["classes"][0]["count"] == 32
    assert workspace.shown(first).tile((), 0, 0, 0).shape == (40, 48, 3)
    workspace.set_tiles((first, ()), tile(strokes()[:, ::-1]))
    workspace.view((first, ()))
    workspace.worker.wait()
    answer = workspace.answers.answer_of((first, ()))
    assert np.mean(answer.classes == np.where(np.arange(48) < 24, 2, 1)) > 0.98


def test_files_that_are_no_images_are_named(workspace, folder):
    (folder / "broken.png").write_bytes(b"nothing")
    broken = workspace.add_paths([folder / "broken.png", folder / "0.npy"])
    assert list(broken) == ["broken.png"]
    with pytest.raises(ValueError, match=r"broken\.png"):
        Workspace.of_paths([folder / "broken.png"])


def test_uploads_stay_in_their_folder(workspace, tmp_path):
    path = workspace.upload_path("../../../etc/cells.npy")
    assert path.parent == tmp_path / "data" / "umbed_keras" / "uploads" / "project"
    np.save(path, picture(5))
    assert workspace.take_upload(path) == {}
    assert len(keys(workspace)) == 3
    assert workspace.upload_path("cells.npy").name == "cells-2.npy"
    for name in ("..", "/", "a/.."):
        with pytest.raises(ValueError, match="no name of a file"):
            workspace.upload_path(name)
    broken = workspace.upload_path("broken.png")
    broken.write_bytes(b"nothing")
    assert list(workspace.take_upload(broken)) == ["broken.png"]
    assert not broken.exists()


def test_pages_of_others_open_no_other_paths(folder, open_workspace, tmp_path):
    np.save(tmp_path / "secret.npy", picture())
    workspace = open_workspace([folder], open_paths=False)
    with pytest.raises(PermissionError):
        workspace.open_path(tmp_path / "secret.npy")
    with pytest.raises(PermissionError):
        workspace.open_path(folder / ".." / "secret.npy")
    assert workspace.open_path(folder) == {}
    assert "path" not in workspace.state() or not workspace.state()["path"]


def test_projects_are_opened_and_begun(workspace, folder, tmp_path):
    first, _ = keys(workspace)
    workspace.set_tiles((first, ()), tile(strokes()))
    workspace.new_project()
    assert keys(workspace) == []
    assert workspace.project.path.parent == tmp_path / "data" / "umbed_keras"
    workspace.open_path(folder / "project.umbed")
    assert workspace.state()["classes"][0]["count"] == 32
    # A copy that comes from elsewhere finds images that are known here.
    upload = workspace.upload_path("copy.umbed")
    shutil.copy(folder / "project.umbed", upload)
    workspace.take_upload(upload)
    assert workspace.project.path.name == "copy.umbed"
    assert not any(image["missing"] for image in workspace.state()["images"])


def test_label_images_are_imported(workspace, tmp_path):
    first, _ = keys(workspace)
    np.save(tmp_path / "labels.npy", strokes(1, 7))
    workspace.import_labels(first, tmp_path / "labels.npy")
    assert [given["number"] for given in workspace.state()["classes"]] == [1, 2, 7]
    before = workspace.state()
    np.save(tmp_path / "large.npy", strokes().astype("uint16") * 300)
    with pytest.raises(ValueError, match="from 1 to 255"):
        workspace.import_labels(first, tmp_path / "large.npy")
    assert workspace.state() == before


def test_similar_pixels_and_places_to_label(workspace):
    first, _ = keys(workspace)
    news = []
    workspace.answers._publish = news.append
    workspace.compute("similar", (first, ()), 5, 40)
    workspace.set_tiles((first, ()), tile(strokes()))
    workspace.worker.wait()
    similar, _ = workspace.answers.similar_of((first, ()))
    assert similar[5, 40] == 255
    assert similar[:, 30:].mean() > similar[:, :18].mean()
    workspace.compute("suggest", (first, ()))
    workspace.worker.wait()
    places = next(part["places"] for part in news if part["type"] == "suggestions")
    assert places
    assert {place["key"] for place in places} <= set(keys(workspace))


def test_large_planes_are_answered_tile_by_tile(workspace, monkeypatch):
    from umbed_keras.segmentation import live_classifier

    for name, value in (("WHOLE", 100), ("TILE", 16)):
        monkeypatch.setattr(live_classifier, name, value)
    first, _ = keys(workspace)
    news = []
    workspace.answers._publish = news.append
    workspace.view((first, ()), row=39, col=47)
    workspace.set_tiles((first, ()), tile(strokes()))
    workspace.worker.wait()
    answers = [part for part in news if part["type"] == "answer"]
    assert len(answers) == 9
    assert answers[0]["shares"] == {2: 1.0}  # the tile at the right comes first
    assert [part["draft"] for part in answers] == [True] * 8 + [False]
    # What was classified before the view moved is not classified again.
    news.clear()
    workspace.add_class()  # no stroke
    workspace.worker.wait()
    workspace.answers.answer_of((first, ())).done.remove((0, 0))
    workspace.answers.answer_of((first, ())).is_draft = True
    workspace.view((first, ()), row=5, col=5)
    workspace.worker.wait()
    progress = [part["progress"] for part in news if part["type"] == "answer"]
    assert progress == [1, 1]


def test_label_tiles_are_exact():
    random = np.random.default_rng(0)
    labels = np.where(random.random((300, 530)) < 0.01, random.integers(1, 256, (300, 530)), 0)
    labels[:256, 256:512] = 0
    content = tiles_of(runs_of(labels), labels.shape)
    assert len(content) == 5 * (8 + SIDE * SIDE)
    np.testing.assert_array_equal(
        labels_of(with_tiles(runs_of(labels * 0), labels.shape, content), labels.shape), labels
    )


def test_pyramids_are_means():
    random = np.random.default_rng(0)
    numbers = random.integers(0, 60000, (1200, 530)).astype("uint16")
    pyramid = TilePyramid()
    image = uk.Image(numbers)
    top = pyramid.tile("key", image, (), 2, 0, 0)[..., 0]
    assert top.shape == (300, 133)
    exact = numbers[:1200, :528].reshape(300, 4, 132, 4).mean(axis=(1, 3))
    assert np.abs(top[:, :132] - exact).max() <= 1
    assert pyramid.tile("key", image, (), 0, 2, 1).shape == (176, 18, 1)


def test_contrast_limits_count_in_full_depth():
    import io

    from PIL import Image

    numbers = np.array([[[1000], [1010], [1020]]], "uint16")
    content = image_picture(numbers, [Channel(0, (255, 0, 100), 1000, 1020)])
    pixels = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(pixels[0], [[0, 0, 0], [128, 0, 50], [255, 0, 100]])


def test_newer_tasks_supersede_older_ones_and_urgent_ones_go_first():
    import threading

    errors, order, gate = [], [], threading.Event()
    worker = Worker(lambda name, error: errors.append((name, str(error))), lambda names: None)

    def steps(name, count):
        for number in range(count):
            order.append(f"{name}{number}")
            if name == "slow":
                gate.wait(10)
            yield

    def fails():
        raise ValueError("no")
        yield

    worker.submit(Task("apply", 2, lambda: steps("slow", 3)))
    worker.submit(Task("answer", 0, lambda: steps("old", 1)))
    worker.submit(Task("answer", 0, lambda: steps("new", 2)))
    worker.submit(Task("broken", 1, fails))
    gate.set()
    worker.wait()
    worker.close()
    assert errors == [("broken", "no")]
    assert [name for name in order if not name.startswith("old")][-2:] == ["slow1", "slow2"]
    assert order.index("new1") < order.index("slow1")


def test_results_of_many_files_name_the_broken_ones(workspace, folder):
    first, _ = keys(workspace)
    news = []
    workspace.answers._publish = news.append
    workspace.set_tiles((first, ()), tile(strokes()))
    (folder / "broken.png").write_bytes(b"nothing")
    workspace.apply([folder], Measuring(background=1, min_size=5))
    workspace.worker.wait()
    applied = [part for part in news if part["type"] == "applied"]
    assert [part["done"] for part in applied] == [0, 1, 2, 3, 3]
    last = applied[-1]
    assert last["finished"]
    assert [name for name, _ in last["broken"]] == ["broken.png"]
    assert last["objects"] == 2
    files = workspace.results.files()
    assert {"0.labels.png", "1.overlay.png", "objects.csv", "classifier.npz"} <= set(files)
    with zipfile.ZipFile(workspace.results.zipped()) as archive:
        assert sorted(archive.namelist()) == files
        assert archive.read("objects.csv").startswith(b"image,label,class,")
    for name in ("done.json", "../files/0.labels.png", "/etc/passwd"):
        with pytest.raises(FileNotFoundError):
            workspace.results.path(name)


def test_the_classifier_learns_from_chosen_channels(workspace, folder):
    stack = np.stack([np.zeros((40, 48)), picture()[..., 0]]).astype("uint16") * 50
    np.save(folder / "channels.npy", np.moveaxis(stack, 0, 2))
    for key in keys(workspace):
        workspace.remove_image(key)
    workspace.add_paths([folder / "channels.npy"])
    [key] = keys(workspace)
    assert [part["shown"] for part in workspace.shown(key).details()["channels"]] == [True, False]
    workspace.set_tiles((key, ()), tile(strokes()))
    workspace.set_channels([1])
    workspace.view((key, ()))
    workspace.worker.wait()
    assert workspace.answers.live.classifier.num_features_ == 3 + 16
    answer = workspace.answers.answer_of((key, ()))
    assert np.mean(answer.classes == np.where(np.arange(48) < 24, 1, 2)) > 0.98
    assert workspace.state()["channels"] == [1]
    with pytest.raises(ValueError, match="a channel at least"):
        workspace.set_channels([])
