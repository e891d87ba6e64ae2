import json
import warnings
import zipfile

import numpy as np
import pytest

import umbed_keras as uk
from umbed_keras.images.labels import read_labels
from umbed_keras.segmentation import LabelClass, PixelClassifier, Project

PRESET = "celeba_vq_k16"


@pytest.fixture
def folder(tmp_path):
    """Two images and a stack in a subfolder."""
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        image = random.integers(90, 110, (24, 20, 3), dtype="uint8")
        image[:, 10:] += 100
        np.save(tmp_path / "images" / f"{name}.npy", image)
    np.save(tmp_path / "images" / "stack.npy", random.integers(0, 900, (3, 10, 12), dtype="uint16"))
    return tmp_path


def drawn(*values, shape=(24, 20)):
    labels = np.zeros(shape, int)
    labels[3:8, 3] = labels[15:20, 5] = values[0]
    labels[3:8, 16] = labels[15:20, 14] = values[1]
    return labels


@pytest.fixture
def project(folder):
    """A project of all three, saved, with strokes in the first image and in the stack."""
    made = Project({1: "dark", 2: LabelClass("bright", (1, 2, 3))}, PRESET)
    keys = [made.add_image(folder / "images" / f"{name}.npy") for name in ("a", "b")]
    keys.append(made.add_image(folder / "images" / "stack.npy", axes="zyx"))
    made.set_strokes(keys[0], drawn(1, 2))
    made.set_strokes(keys[2], np.eye(10, 12, dtype=int) * 2, plane=(1,))
    made.save(folder / "cells.umbed")
    return made


def no_warning(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Project.load(path)


def test_the_next_day_all_is_there(project, folder):
    scaling = uk.Scaling((3, 700))
    project.scaling, project.channels, project.smoothing, project.seed = scaling, [0], 1.5, 3
    project.save()
    loaded = no_warning(folder / "cells.umbed")
    assert not loaded.diff(project)
    assert loaded.classes == project.classes
    assert (loaded.scaling, loaded.channels, loaded.smoothing, loaded.seed) == (
        scaling,
        [0],
        1.5,
        3,
    )
    assert loaded.path == folder / "cells.umbed"
    for key, image in project.images.items():
        assert loaded.images[key].path == image.path
        assert np.array_equal(loaded.strokes(key), project.strokes(key))
        assert np.array_equal(loaded.open_image(key), project.open_image(key))


def test_strokes_of_planes(project):
    key = list(project.images)[2]
    every = project.strokes(key)
    assert every.shape == (3, 10, 12)
    assert np.array_equal(every[1], np.eye(10, 12) * 2)
    assert not every[[0, 2]].any()
    project.set_strokes(key, np.full((10, 12), 7), plane=(2,))
    assert project.classes[7].name == "class 7"
    assert np.array_equal(project.strokes(key, (1,)), every[1])
    project.set_strokes(key, every)
    assert np.array_equal(project.strokes(key), every)
    assert project.images[key].num_labelled == 10


@pytest.mark.parametrize("axes", ["yxz", "zxy", "xyz"])
def test_axes_in_any_order(tmp_path, axes):
    shape = tuple({"z": 2, "y": 5, "x": 7}[axis] for axis in axes)
    np.save(tmp_path / "stack.npy", np.zeros(shape, "uint8"))
    project, labels = Project(), np.random.default_rng(0).integers(0, 3, shape)
    key = project.add_image(tmp_path / "stack.npy", axes)
    project.set_strokes(key, labels)
    assert np.array_equal(project.strokes(key), labels)
    moved = labels.transpose([axes.index(axis) for axis in "zyx"])
    assert np.array_equal(project.strokes(key, (1,)), moved[1])


def test_fit_learns_from_all_strokes_as_a_classifier_does(project, folder):
    first, second, stack = project.images
    project.remove_image(stack)
    project.set_strokes(second, drawn(1, 2))
    paths = [folder / "images" / f"{name}.npy" for name in ("a", "b")]
    expected = PixelClassifier(PRESET).fit([np.load(path) for path in paths], [drawn(1, 2)] * 2)
    image = np.load(paths[0])
    assert np.array_equal(project.fit().predict_proba(image), expected.predict_proba(image))
    assert np.array_equal(project.predict(first), expected.predict(image))
    assert np.array_equal(project.predict(image, adapt=True), expected.predict(image, adapt=True))
    # The same strokes need no new fit, others do.
    fitted = project.fit()
    assert project.fit() is fitted
    project.set_strokes(second, drawn(2, 1))
    assert project.fit() is not fitted
    project.seed, fitted = 5, project.fit()
    assert project.fit().seed == 5


def test_labels_without_strokes_are_no_reason_to_fit():
    with pytest.raises(ValueError, match="no strokes"):
        Project().fit()


def test_images_and_project_move_together(project, folder, tmp_path_factory):
    new = tmp_path_factory.mktemp("new") / "inner"
    folder.rename(new)
    loaded = no_warning(new / "cells.umbed")
    assert loaded.missing == []
    assert loaded.fit().classes_.tolist() == [1, 2]


def test_strokes_of_images_that_moved_are_kept_and_found_by_content(project, folder):
    key = next(iter(project.images))
    (folder / "other" / "deep").mkdir(parents=True)
    (folder / "images" / "a.npy").rename(folder / "other" / "deep" / "renamed.npy")
    with pytest.warns(UserWarning, match=r"1 images are missing.*'a\.npy'.*`relocate`"):
        loaded = Project.load(folder / "cells.umbed")
    assert loaded.missing == [key]
    assert np.array_equal(loaded.strokes(key), drawn(1, 2))
    with pytest.raises(FileNotFoundError, match=r"strokes are missing.*a\.npy"):
        loaded.fit()
    with pytest.raises(FileNotFoundError, match="relocate"):
        loaded.open_image(key)
    loaded.save()
    assert loaded.relocate(folder / "images") == []
    assert loaded.relocate(folder) == [key]
    assert loaded.missing == []
    loaded.save()
    assert no_warning(folder / "cells.umbed").images[key].name == "renamed.npy"


def test_an_image_of_other_content_is_missing(project, folder):
    key, path = next(iter(project.images)), folder / "images" / "a.npy"
    image = np.load(path)
    np.save(path, image[::-1])  # as many bytes
    with pytest.warns(UserWarning, match="missing"):
        loaded = Project.load(folder / "cells.umbed")
    assert loaded.missing == [key]
    assert loaded.relocate(path) == []
    np.save(path, image)
    assert loaded.missing == []
    with pytest.raises(FileNotFoundError):
        loaded.relocate(folder / "nowhere")


def test_an_image_added_again_keeps_its_strokes(project, folder):
    key = next(iter(project.images))
    (folder / "copy.npy").write_bytes((folder / "images" / "a.npy").read_bytes())
    assert project.add_image(folder / "copy.npy") == key
    assert len(project.images) == 3
    assert project.images[key].path == folder / "copy.npy"
    assert project.images[key].num_labelled == 20


def test_datasets_of_one_file_are_images(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["one"], file["two"] = np.zeros((4, 5), "uint8"), np.ones((4, 5), "uint8")
    project = Project()
    keys = [project.add_image(tmp_path / "two.h5" / name) for name in ("one", "two")]
    assert len(set(keys)) == 2
    project.save(tmp_path / "project.umbed")
    (tmp_path / "in").mkdir()
    (tmp_path / "two.h5").rename(tmp_path / "in" / "three.h5")
    assert project.missing == keys
    assert project.relocate(tmp_path) == keys
    assert np.asarray(project.open_image(keys[1])).tolist() == np.ones((4, 5)).tolist()


def test_merge_adds_what_the_other_has(project, folder):
    first, second, _ = project.images
    other = Project({1: "sky", 2: "dark", 3: "tree"}, PRESET)
    for name in ("a", "b"):
        other.add_image(folder / "images" / f"{name}.npy")
    theirs = drawn(2, 3)
    theirs[0, 0], theirs[0, 1] = 1, 2
    other.set_strokes(first, theirs)
    other.set_strokes(second, drawn(3, 1))
    before = other.strokes(second)
    assert project.merge(other) == 10  # tree where there is bright
    names = {number: given.name for number, given in project.classes.items()}
    assert names == {1: "dark", 2: "bright", 3: "tree", 4: "sky"}
    expected = drawn(1, 2)
    expected[0, 0], expected[0, 1] = 4, 1
    assert np.array_equal(project.strokes(first), expected)
    assert np.array_equal(project.strokes(second), drawn(3, 4))
    assert np.array_equal(other.strokes(second), before)
    project.set_strokes(second, drawn(1, 1))
    assert np.array_equal(other.strokes(second), before)
    assert project.merge(project) == 0


def test_diff_names_what_differs(project, folder):
    first, second, _ = project.images
    loaded = no_warning(folder / "cells.umbed")
    assert not project.diff(loaded)
    assert str(project.diff(loaded)) == ""
    labels = drawn(1, 2)
    labels[0, :3] = 2
    loaded.set_strokes(first, labels)
    loaded.remove_image(second)
    loaded.classes[1] = LabelClass("black", (0, 0, 0))
    loaded.seed = 4
    diff = project.diff(loaded)
    assert diff.strokes == {(first, ()): 3}
    assert diff.only_here == {second: "b.npy"}
    assert diff.only_there == {}
    assert list(diff.classes) == [1]
    assert diff.settings == {"seed": (0, 4)}
    assert len(str(diff).splitlines()) == 4
    assert loaded.diff(project).only_there == {second: "b.npy"}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_exported_strokes_can_be_imported(project, folder, suffix):
    if suffix == ".tif":
        pytest.importorskip("tifffile")
    key = next(iter(project.images))
    path = project.export_strokes(key, folder / f"strokes{suffix}")
    other = Project()
    other.add_image(folder / "images" / "a.npy")
    other.import_strokes(key, path)
    assert np.array_equal(other.strokes(key), drawn(1, 2))


def test_label_stacks_are_imported(project, folder):
    tifffile = pytest.importorskip("tifffile")
    h5py = pytest.importorskip("h5py")
    key = list(project.images)[2]
    labels = np.random.default_rng(3).integers(0, 3, (3, 10, 12)).astype("uint8")
    # As napari, ImageJ and ilastik write them.
    tifffile.imwrite(folder / "napari.tif", labels)
    tifffile.imwrite(folder / "imagej.tif", labels, imagej=True, metadata={"axes": "ZYX"})
    with h5py.File(folder / "ilastik.h5", "w") as file:
        data = file.create_dataset("exported_data", data=labels[..., None])
        axes = [
            {"key": axis, "typeFlags": 2, "resolution": 0, "description": ""} for axis in "zyxc"
        ]
        data.attrs["axistags"] = json.dumps({"axes": axes})
    np.save(folder / "turned.npy", labels.transpose(1, 2, 0))
    for name in ("napari.tif", "imagej.tif", "ilastik.h5"):
        project.set_strokes(key, 0 * labels)
        project.import_strokes(key, folder / name)
        assert np.array_equal(project.strokes(key), labels), name
    project.import_strokes(key, folder / "turned.npy", axes="yxz")
    assert np.array_equal(project.strokes(key), labels)
    exported = project.export_strokes(key, folder / "stack.png")
    assert exported.suffix == ".tif"
    assert np.array_equal(read_labels(exported), labels)


def test_wrong_arguments(project, folder):
    key, _, stack = project.images
    for wrong in (lambda: project.strokes("?"), lambda: project.open_image("?")):
        with pytest.raises(KeyError, match="no image '\\?'"):
            wrong()
    with pytest.raises(ValueError, match=r"shape \(24, 20\)"):
        project.set_strokes(key, np.zeros((5, 5), int))
    with pytest.raises(ValueError, match=r"lie in \(3,\)"):
        project.strokes(stack, (3,))
    with pytest.raises(ValueError, match="whole numbers"):
        project.set_strokes(key, np.full((24, 20), 0.5))
    with pytest.raises(ValueError, match="of this machine"):
        project.add_image("s3://bucket/image.tif")
    with pytest.raises(FileNotFoundError):
        project.add_image(folder / "nothing.npy")
    with pytest.raises(ValueError, match="not saved before"):
        Project().save()
    with pytest.raises(TypeError, match="`preset`"):
        Project(preset=3)
    for classes in ({0: "none"}, {1: "a", 2: "a"}, {1: ""}):
        with pytest.raises(ValueError, match=r"class|name"):
            Project(classes)
    with pytest.raises(ValueError, match="three integers"):
        LabelClass("a", (0, 0, 256))


def test_a_failed_save_leaves_the_old_file(project, folder, monkeypatch):
    path = folder / "cells.umbed"
    before = path.read_bytes()
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: 1 / 0)
    project.classes[5] = LabelClass("new", (0, 0, 0))
    with pytest.raises(ZeroDivisionError):
        project.save()
    assert path.read_bytes() == before
    assert sorted(part.name for part in folder.iterdir()) == ["cells.umbed", "images"]


def test_what_another_program_saved_is_not_overwritten(project, folder):
    project.save(folder / "p.umbed")
    other = Project.load(folder / "p.umbed")
    other.classes = {**other.classes, 9: LabelClass("other", (1, 2, 3))}
    other.save()
    other.save()
    with pytest.raises(FileExistsError, match=r"p.umbed was changed elsewhere.*merge"):
        project.save()
    assert 9 in Project.load(folder / "p.umbed").classes
    project.save(folder / "q.umbed")
    (folder / "q.umbed").unlink()
    project.save()
    assert 9 not in Project.load(folder / "q.umbed").classes
    begun = Project()
    begun.path = folder / "q.umbed"  # another program wrote it meanwhile
    with pytest.raises(FileExistsError, match="was changed elsewhere"):
        begun.save()
