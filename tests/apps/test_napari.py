"""Tests of napari's plugin; those of the widget need a display, as by `xvfb-run`."""

import importlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from halves import picture, strokes

import umbed_keras as uk

napari = pytest.importorskip("napari")
pytest.importorskip("sklearn")

from napari.layers import Image, Labels  # noqa: E402

from umbed_keras.apps.napari import open_window  # noqa: E402
from umbed_keras.apps.napari._layers import _layer_images, _project_layers  # noqa: E402

PRESET = "celeba_vq_k16"
pytestmark = pytest.mark.torch_alone
has_display = sys.platform != "linux" or "DISPLAY" in os.environ
needs_display = pytest.mark.skipif(not has_display, reason="needs a display")


@pytest.mark.parametrize(
    ("shape", "rgb", "choices"),
    [
        ((8, 9), False, ["yx"]),
        ((8, 9, 3), True, ["yxc"]),
        ((5, 8, 9), False, ["zyx", "tyx", "cyx"]),
        ((5, 8, 9, 3), True, ["zyxc", "tyxc"]),
        ((2, 5, 8, 9), False, ["tzyx", "zcyx", "czyx", "tcyx", "ctyx"]),
    ],
)
def test_axes_follow_dimensions(shape, rgb, choices):
    layer = Image(np.zeros(shape, "uint8"), rgb=rgb)
    assert list(_layer_images.axes_choices(layer)) == choices
    for axes in choices:
        image = _layer_images.layer_image(layer, axes)
        assert (image.axes, image.shape, image.is_rgb) == (axes, shape, rgb)


def test_named_axes_come_first():
    layer = Image(np.zeros((5, 8, 9)), axis_labels=("C", "y", "x"))
    assert _layer_images.layer_image(layer).axes == "cyx"


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match="6 dimensions, which have no meaning"):
        _layer_images.axes_choices(Image(np.zeros((1,) * 6)))
    layer = Image(np.zeros((8, 9)))
    with pytest.raises(ValueError, match="2 dimensions, which can't be 'zyx'"):
        _layer_images.layer_image(layer, "zyx")
    image = _layer_images.layer_image(layer)
    with pytest.raises(ValueError, match=r"shape \(4, 9\), and the image .* needs \(8, 9\)"):
        _layer_images.layer_labels(Labels(np.zeros((4, 9), int)), image)


def test_opacity_is_no_channel():
    image = _layer_images.layer_image(Image(np.zeros((8, 9, 4)), rgb=True))
    assert image.is_rgb
    assert image.num_channels == 3


def test_pixel_sizes_are_those_of_the_layer():
    layer = Image(np.zeros((2, 8, 9)), scale=(1, 0.5, 0.25), units=("pixel", "um", "um"))
    image = _layer_images.layer_image(layer, "cyx")
    assert image.pixel_size == {"y": 0.5, "x": 0.25}
    assert image.unit == "micrometer"
    transform = _layer_images.transform_of(layer, "cyx")
    labels = Labels(np.zeros((8, 9), int), **transform)
    np.testing.assert_array_equal(labels.scale, (0.5, 0.25))
    image = _layer_images.layer_image(Image(np.zeros((8, 9))))
    assert (image.pixel_size, image.unit) == ({}, None)


def test_strokes_in_any_channel_count():
    image = _layer_images.layer_image(Image(np.zeros((2, 8, 9))), "cyx")
    drawn = np.zeros((2, 8, 9), int)
    drawn[0, 1, 1], drawn[1, 2, 2] = 1, 2
    labels = _layer_images.layer_labels(Labels(drawn), image)
    np.testing.assert_array_equal(labels, drawn.sum(axis=0))


def test_a_project_is_the_same_after_saving_and_opening(tmp_path):
    stack = np.random.default_rng(0).integers(0, 999, (3, 32, 40)).astype("uint16")
    np.save(tmp_path / "stack.npy", stack)
    labels = np.zeros(stack.shape, int)
    labels[1] = strokes()
    metadata = {_layer_images.PATH_KEY: str(tmp_path / "stack.npy")}
    layer = Image(stack, metadata=metadata)
    image = _layer_images.layer_image(layer)
    project = uk.segmentation.Project({2: "bright"}, PRESET)
    labelled = [(layer, image, labels)]
    _project_layers.save_project(tmp_path / "mine.umbed", project, labelled)
    project = uk.segmentation.Project.load(tmp_path / "mine.umbed")
    assert (project.preset, project.classes[2].name) == (PRESET, "bright")
    ((shown, again),) = _project_layers.project_layers(project)
    np.testing.assert_array_equal(shown.data, stack)
    np.testing.assert_array_equal(again, labels)
    again = Image(shown.data, **shown.options)
    assert _layer_images.layer_path(again) == str(tmp_path / "stack.npy")
    assert _layer_images.layer_image(again).axes == "zyx"


def test_a_layer_without_a_file_is_refused(tmp_path):
    layer = Image(picture(), name="snapshot")
    labelled = [(layer, _layer_images.layer_image(layer), strokes())]
    project = uk.segmentation.Project()
    with pytest.raises(ValueError, match="snapshot"):
        _project_layers.save_project(tmp_path / "mine.umbed", project, labelled)
    assert not list(tmp_path.iterdir())


def test_the_manifest_names_what_is_there():
    npe2 = pytest.importorskip("npe2")
    pytest.importorskip("skimage")
    manifest = npe2.PluginManifest.from_file(Path(uk.__file__).parent / "napari.yaml")
    for command in manifest.contributions.commands:
        module, name = command.python_name.split(":")
        if has_display or "_widget" not in module:
            assert callable(getattr(importlib.import_module(module), name))
    assert {command.id for command in manifest.contributions.commands} == {
        *(widget.command for widget in manifest.contributions.widgets),
        *(sample.command for sample in manifest.contributions.sample_data),
    }


@pytest.fixture
def plugin(request):
    """A viewer with a picture and the widget, of which computing is awaited."""
    if not has_display:
        pytest.skip("needs a display")
    pytest.importorskip("pytestqt")
    viewer = request.getfixturevalue("make_napari_viewer")()
    qtbot = request.getfixturevalue("qtbot")
    from umbed_keras.apps.napari._widget import SegmentWidget

    viewer.add_image(picture(), name="picture")
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget)
    widget._parts.settings.preset.setCurrentText(PRESET)
    widget._parts.live.setChecked(False)
    widget.wait = lambda: qtbot.waitUntil(lambda: not widget._runner.is_busy, timeout=60_000)
    yield viewer, widget
    widget.wait()


def draw(viewer, widget):
    widget.add_strokes()
    layer = viewer.layers["strokes on picture"]
    layer.data_setitem(np.nonzero(strokes()), strokes()[strokes() > 0])
    return layer


def test_strokes_become_layers(plugin):
    viewer, widget = plugin
    layer = draw(viewer, widget)
    assert layer.mode == "paint"
    widget._parts.with_probabilities.setChecked(True)
    widget.train()
    widget.wait()
    classifier = uk.segmentation.PixelClassifier(PRESET).fit(picture(), strokes())
    segmentation = viewer.layers["segmentation of picture"]
    np.testing.assert_array_equal(segmentation.data, classifier.predict(picture()))
    np.testing.assert_array_equal(
        viewer.layers["uncertainty of picture"].data, classifier.uncertainty(picture())
    )
    np.testing.assert_array_equal(
        viewer.layers["probability of object of picture"].data,
        classifier.predict_proba(picture())[..., 1],
    )
    assert viewer.layers[-1] is layer  # strokes stay on top
    count = len(viewer.layers)
    layer.data = strokes()[::-1] * 3  # classes 3 and 6
    widget._parts.with_probabilities.setChecked(False)
    widget.train()
    widget.wait()
    assert len(viewer.layers) == count
    assert viewer.layers["segmentation of picture"] is segmentation
    assert set(np.unique(segmentation.data)) == {3, 6}


def test_live_strokes_are_answered_by_the_newest(plugin):
    viewer, widget = plugin
    layer = draw(viewer, widget)
    widget._parts.live.setChecked(True)
    received = []
    receive = widget._receive
    widget._receive = lambda *parts: (received.append(parts), receive(*parts))
    for row in range(4):
        layer.selected_label = 2
        layer.paint((row, 30), 2)
    widget.wait()
    assert len(received) == 2  # the first answer, and the refined one
    expected = uk.segmentation.PixelClassifier(PRESET).fit(picture(), layer.data)
    np.testing.assert_array_equal(
        viewer.layers["segmentation of picture"].data, expected.predict(picture())
    )


def test_one_class_alone_is_an_error_only_by_the_button(plugin):
    viewer, widget = plugin
    layer = draw(viewer, widget)
    layer.data = (strokes() == 1).astype("uint16")
    widget._parts.live.setChecked(True)
    layer.paint((10, 10), 1)
    widget.wait()
    assert "classes" not in widget._parts.message.text()
    errors = []
    widget._runner.failed.disconnect()  # napari raises what it notifies of in tests
    widget._runner.failed.connect(errors.append)
    widget.train()
    widget.wait()
    assert "two classes or more" in str(errors[0])


def test_suggestions_and_objects(plugin):
    viewer, widget = plugin
    draw(viewer, widget)
    widget.train()
    widget.wait()
    for _ in range(2):
        widget.suggest()
        widget.wait()
    points = viewer.layers["suggestions of picture"]
    assert points.features["rank"].tolist() == list(range(1, len(points.data) + 1))
    assert sum("suggestions" in layer.name for layer in viewer.layers) == 1
    widget._parts.measure.choose_background(1)
    table = widget.add_objects()
    objects = viewer.layers["objects of picture"]
    assert table.num_rows == objects.data.max() >= 1
    assert objects.features["area"].tolist() == table["area"].tolist()


def test_apply_to_selected_layers(plugin):
    viewer, widget = plugin
    draw(viewer, widget)
    widget.train()
    widget.wait()
    other = viewer.add_image(picture(seed=1)[:, ::-1], name="other")
    viewer.layers.selection = {other}
    widget.apply()
    widget.wait()
    classifier = uk.segmentation.PixelClassifier(PRESET).fit(picture(), strokes())
    np.testing.assert_array_equal(
        viewer.layers["segmentation of other"].data, classifier.predict(other.data)
    )
    viewer.layers.remove("segmentation of other")
    widget.apply()
    widget.cancel()
    widget.wait()
    assert widget._parts._bar.isHidden()
    assert "segmentation of other" not in viewer.layers


def test_a_project_opens_as_layers(plugin, tmp_path):
    viewer, widget = plugin
    np.save(tmp_path / "picture.npy", picture())
    viewer.layers["picture"].metadata[_layer_images.PATH_KEY] = str(tmp_path / "picture.npy")
    draw(viewer, widget)
    widget.save_project(tmp_path / "mine.umbed")
    viewer.layers.clear()
    widget.open_project(tmp_path / "mine.umbed")
    np.testing.assert_array_equal(viewer.layers["picture.npy"].data, picture())
    np.testing.assert_array_equal(viewer.layers["strokes on picture.npy"].data, strokes())
    assert widget._parts.strokes.layer is viewer.layers["strokes on picture.npy"]
    widget.train()
    widget.wait()
    assert "segmentation of picture.npy" in viewer.layers


def test_suggestions_leave_the_brush_in_hand(plugin):
    viewer, widget = plugin
    layer = draw(viewer, widget)
    widget.train()
    widget.wait()
    viewer.layers.selection = {layer}
    for _ in range(2):  # added, and replaced
        widget.suggest()
        widget.wait()
        assert viewer.layers.selection == {layer}
    # The same widget and viewer: names and colours of classes.
    table = widget._parts.classes
    assert [table.item(row, 3).text() for row in range(2)] == ["24", "24"]
    assert table.item(0, 4).text().endswith("%")
    table.item(1, 2).setText("bright")
    assert widget._session.project.classes[2].name == "bright"
    widget.change_class(2, uk.segmentation.LabelClass("bright", (0, 0, 255)))
    for name in ("strokes on picture", "segmentation of picture"):
        np.testing.assert_allclose(viewer.layers[name].get_color(2), (0, 0, 1, 1), atol=1e-6)
    table.item(1, 2).setText("background")  # is taken
    assert widget._session.project.classes[2].name == "bright"
    widget.add_class()
    assert layer.selected_label == 3
    layer.paint((1, 1), 7)
    widget._classes.counts()
    assert list(widget._session.project.classes) == [1, 2, 3, 7]
    widget.remove_class()
    assert list(widget._session.project.classes) == [1, 2, 7]
    # Similar pixels of a click, in an image layer.
    widget.similar_to((5, 30))
    widget.wait()
    similarity = viewer.layers["similarity of picture"].data
    np.testing.assert_allclose(
        similarity, uk.segmentation.similar_pixels(picture(), 5, 30, PRESET), atol=1e-6
    )


def test_settings_and_names_are_saved(plugin, tmp_path):
    viewer, widget = plugin
    np.save(tmp_path / "picture.npy", picture())
    draw(viewer, widget)
    viewer.layers["picture"].metadata[_layer_images.PATH_KEY] = str(tmp_path / "picture.npy")
    scaling = uk.Scaling((0, 200))
    project = uk.segmentation.Project(preset=PRESET, scaling=scaling, smoothing=0.0, seed=5)
    project.save(tmp_path / "mine.umbed")
    widget.open_project(tmp_path / "mine.umbed")
    widget.change_class(1, uk.segmentation.LabelClass("dark", (1, 2, 3)))
    widget.train()
    widget.wait()
    classifier = widget._session.classifier
    assert (classifier.scaling, classifier.smoothing, classifier.seed) == (scaling, 0.0, 5)
    widget.save_project(tmp_path / "mine.umbed")
    project = uk.segmentation.Project.load(tmp_path / "mine.umbed")
    assert (project.scaling.limits, project.smoothing) == (scaling.limits, 0.0)
    assert project.classes[1] == uk.segmentation.LabelClass("dark", (1, 2, 3))
    # A folder of images becomes masks and a table.
    folder = tmp_path / "others"
    folder.mkdir()
    np.save(folder / "one.npy", picture(seed=1))
    widget.apply_to_folder(str(folder))
    widget.wait()
    names = {path.name for path in (tmp_path / "others segmented").iterdir()}
    assert {"one.labels.png", "objects.csv"} <= names
    assert "1 of 1 images" in widget._parts.message.text()


def test_the_command_opens_folders_and_projects(make_napari_viewer, qtbot, tmp_path):
    if not has_display:
        pytest.skip("needs a display")
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        np.save(folder / f"{name}.npy", picture(seed=seed))
    project = uk.segmentation.Project({1: "dark", 2: "bright"}, PRESET)
    key = project.add_image(folder / "one.npy")
    project.set_strokes(key, strokes())
    project.save(folder / "project.umbed")
    viewer = make_napari_viewer()
    widget = open_window(viewer, [folder])
    widget._parts.live.setChecked(False)
    assert widget._parts.settings.preset.currentText() == PRESET
    one, two = (layer for layer in viewer.layers if isinstance(layer, Image))
    assert (one.name, two.name) == ("one.npy", "two.npy")
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        "one.npy",
        "strokes on one.npy",
    ]
    # Strokes belong to one image, also where others have the same size.
    first = widget._parts.strokes.layer
    widget.train()
    qtbot.waitUntil(lambda: not widget._runner.is_busy, timeout=60_000)
    widget.next()
    qtbot.waitUntil(lambda: not widget._runner.is_busy, timeout=60_000)
    second = widget._parts.strokes.layer
    assert second is not first
    assert {layer.name for layer in viewer.layers if layer.visible} == {
        "two.npy",
        second.name,
        "segmentation of two.npy",
    }
    widget._parts.image.choose(one)
    assert widget._parts.strokes.layer is first
    widget._parts.strokes.choose(second)
    with pytest.raises(ValueError, match=r"belong to 'two\.npy'"):
        widget._strokes.pair(one, "yxc", second)
    # Strokes are saved without a click.
    second.paint((9, 9), 2)
    widget.change_class(2, uk.segmentation.LabelClass("very bright", (1, 2, 3)))
    qtbot.waitUntil(lambda: not (widget._recount.isActive() or widget._saving.isActive()))
    project = uk.segmentation.Project.load(folder / "project.umbed")
    assert project.classes[2].name == "very bright"
    counts = {image.name: image.num_labelled for image in project.images.values()}
    assert counts == {"one.npy": 48, "two.npy": np.count_nonzero(second.data)}
