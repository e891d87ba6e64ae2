"""The dock widget that segments the images of a viewer from strokes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from umbed_keras.apps.napari._layer_choice import LayerChoice
from umbed_keras.apps.napari._layer_images import (
    axes_choices,
    label_shape,
    layer_image,
    layer_labels,
    transform_of,
)
from umbed_keras.apps.napari._project_layers import project_layers, save_project
from umbed_keras.apps.napari._runner import Runner
from umbed_keras.apps.napari._session import (
    PlaneResult,
    Session,
    objects_of,
    suggestion_points,
    write_plane,
)
from umbed_keras.images.image import Image
from umbed_keras.images.labels import CLASS_COLORS
from umbed_keras.models import PixelEmbedder
from umbed_keras.segmentation import Project
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET

# Milliseconds after a stroke within which a further one is awaited.
_DELAY = 300
# Classes that strokes have colours for; those beyond are grey.
_NUM_COLORS = 60


class SegmentWidget(QWidget):
    """Segments images of a viewer from strokes in a labels layer.

    Args:
        napari_viewer: `napari.Viewer`, under the name by which napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = Session()
        self._project = Project()
        # Image layers, their axes and their strokes, of all images that have strokes.
        self._pairs: dict[Any, tuple[str, Any]] = {}
        self._results: dict[tuple[Any, str], Any] = {}
        self._listened: Any = None
        self._runner = Runner(self)
        self._runner.failed.connect(self._show)
        self._runner.idle.connect(lambda: self._status.setText(""))
        self._build()
        self._image.currentIndexChanged.connect(self._choose_image)
        self._strokes.currentIndexChanged.connect(self._choose_strokes)
        self._choose_image()
        self._choose_strokes()

    def _build(self) -> None:
        self._image = LayerChoice(self._viewer, ImageLayer, self._is_input)
        self._strokes = LayerChoice(self._viewer, Labels, self._is_input)
        self._axes, self._preset = QComboBox(), QComboBox()
        self._axes.setToolTip("t: time, z: depth, c: channel, y: row, x: column")
        self._preset.addItems(list(PixelEmbedder.presets))
        self._preset.setCurrentText(DEFAULT_PRESET)
        self._live = QCheckBox("Live: answer every stroke")
        self._with_probabilities = QCheckBox("Probabilities, too")
        self._background, self._min_size = QSpinBox(), QSpinBox()
        self._background.setSpecialValueText("none")
        self._background.setMaximum(999)
        self._min_size.setRange(1, 1_000_000)
        self._split = QCheckBox("Divide objects that touch")
        self._status = QLabel()
        self._status.setWordWrap(True)
        layout = QVBoxLayout(self)
        strokes = QHBoxLayout()
        strokes.addWidget(self._strokes, 1)
        strokes.addWidget(_button("New", self.add_strokes))
        form = QFormLayout()
        for name, part in (("Image", self._image), ("Axes", self._axes), ("Strokes", strokes)):
            form.addRow(name, part)
        form.addRow("Preset", self._preset)
        layout.addLayout(form)
        layout.addWidget(self._live)
        layout.addWidget(self._with_probabilities)
        layout.addWidget(_button("Train and predict", self.train))
        layout.addWidget(_button("Suggest where to label next", self.suggest))
        layout.addWidget(_button("Apply to selected layers", self.apply))
        measuring = QGroupBox("Objects")
        form = QFormLayout(measuring)
        form.addRow("Background class", self._background)
        form.addRow("Least pixels", self._min_size)
        form.addRow(self._split)
        form.addRow(_button("Measure", self.measure))
        layout.addWidget(measuring)
        files = QHBoxLayout()
        files.addWidget(_button("Open project", self._ask_open))
        files.addWidget(_button("Save project", self._ask_save))
        layout.addLayout(files)
        layout.addWidget(self._status)
        layout.addStretch()

    # Choices

    def _is_input(self, layer: Any) -> bool:
        """Whether a layer is no result."""
        return layer not in self._results.values()

    def _choose_image(self) -> None:
        layer = self._image.layer
        self._axes.clear()
        if layer is None:
            return
        try:
            self._axes.addItems(axes_choices(layer))
        except ValueError as error:
            self._show(error)
            return
        if layer in self._pairs:
            axes, strokes = self._pairs[layer]
            self._axes.setCurrentText(axes)
            self._strokes.choose(strokes)

    def _choose_strokes(self) -> None:
        if self._listened is not None:
            self._listened.events.paint.disconnect(self._stroke)
            self._listened.events.labels_update.disconnect(self._stroke)
        self._listened = self._strokes.layer
        if self._listened is not None:
            self._listened.events.paint.connect(self._stroke)
            self._listened.events.labels_update.connect(self._stroke)

    def _stroke(self, event: Any = None) -> None:
        if self._live.isChecked():
            self._train(delay=_DELAY, is_live=True)

    def _chosen(self) -> tuple[Any, Image]:
        layer = self._image.layer
        if layer is None:
            raise ValueError("Open an image first: there is no image layer.")
        return layer, layer_image(layer, self._axes.currentText() or None)

    # What the buttons do

    def add_strokes(self) -> None:
        """Adds a labels layer for strokes on the image, with a brush that fits it."""
        try:
            layer, image = self._chosen()
        except ValueError as error:
            self._show(error)
            return
        added = self._add_strokes(layer, image, np.zeros(label_shape(image), "uint16"))
        added.mode = "paint"

    def _add_strokes(self, layer: Any, image: Image, labels: np.ndarray) -> Any:
        added = self._viewer.add_labels(
            labels,
            name=f"strokes on {layer.name}",
            colormap=_colormap(self._project),
            opacity=0.9,
            **transform_of(layer, image.axes),
        )
        added.brush_size = max(2, round(min(image.height, image.width) / 60))
        self._pairs[layer] = (image.axes, added)
        self._strokes.choose(added)
        return added

    def train(self) -> None:
        """Learns from all strokes, and predicts the chosen image."""
        self._train()

    def _train(self, delay: int = 0, is_live: bool = False) -> None:
        try:
            layer, image = self._chosen()
            strokes = self._strokes.layer
            if strokes is None:
                raise ValueError('Add a layer of strokes first: press "New".')
            layer_labels(strokes, image)  # the sizes fit
            self._pairs[layer] = (image.axes, strokes)
        except ValueError as error:
            self._show(error)
            return
        preset, first = self._preset.currentText(), self._plane(layer, image)

        def task() -> Iterator[tuple[Image, PlaneResult]]:
            labelled = [(image, labels) for _, image, labels in self._labelled(layer)]
            if is_live and len(np.unique(np.concatenate([p[1].ravel() for p in labelled]))) < 3:
                return  # the first class alone, as yet
            self._session.fit(labelled, preset)
            for result in self._session.results(image, first):
                yield image, result

        self._status.setText("Computing ...")
        self._runner.submit(task, lambda pair: self._receive(layer, *pair), delay)

    def _labelled(self, first: Any = None) -> list[tuple[Any, Image, np.ndarray]]:
        """The layers that have strokes, a given one first, with their images and labels."""
        present = set(self._viewer.layers)
        result = []
        for layer, (axes, strokes) in sorted(self._pairs.items(), key=lambda p: p[0] is not first):
            if layer in present and strokes in present:
                image = layer_image(layer, axes)
                result.append((layer, image, layer_labels(strokes, image)))
        return result

    def apply(self) -> None:
        """Predicts the image layers that are selected in the viewer's list."""
        layers = [layer for layer in self._viewer.layers if layer in self._viewer.layers.selection]
        layers = [x for x in layers if isinstance(x, ImageLayer) and self._is_input(x)]
        try:
            if not layers:
                raise ValueError("Select image layers in the list of layers first.")
            self._session.check_fitted()
            axes = self._axes.currentText()
            pairs = [(x, layer_image(x, axes if axes in axes_choices(x) else None)) for x in layers]
        except ValueError as error:
            self._show(error)
            return

        def task() -> Iterator[tuple[Any, Image, PlaneResult]]:
            for layer, image in pairs:
                for result in self._session.results(image):
                    yield layer, image, result

        self._status.setText("Computing ...")
        self._runner.submit(task, lambda parts: self._receive(*parts))

    def suggest(self) -> None:
        """Shows where to label next, as numbered points, the best first."""
        try:
            layer, image = self._chosen()
            self._session.check_fitted()
        except ValueError as error:
            self._show(error)
            return

        def task() -> Iterator[Any]:
            yield self._session.suggest(image)

        def receive(suggestions: list[Any]) -> None:
            points = suggestion_points(image, suggestions)
            features = {
                "rank": np.arange(1, len(points) + 1),
                "uncertainty": [round(each.uncertainty, 3) for each in suggestions],
            }
            target = self._results.get((layer, "points"))
            if target is not None and target in self._viewer.layers:
                self._viewer.layers.remove(target)
            self._results[layer, "points"] = self._viewer.add_points(
                points,
                name=f"label next on {layer.name}",
                features=features,
                text={"string": "{rank}", "color": "white", "size": 10},
                size=max(4, min(image.height, image.width) / 50),
                face_color="transparent",
                border_color="white",
                **transform_of(layer, image.axes),
            )

        self._status.setText("Computing ...")
        self._runner.submit(task, receive)

    def measure(self) -> None:
        """Numbers and measures the objects of the segmentation, and offers a table as CSV."""
        table = self.add_objects()
        if table is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "objects.csv", "*.csv")
        if path:
            self._try(lambda: table.to_csv(path))

    def add_objects(self) -> Any:
        """Adds the objects of the segmentation as a layer, whose features are their table.

        Returns:
            `umbed_keras.segmentation.Measurements`, or None where there is no segmentation.
        """
        try:
            layer, image = self._chosen()
            mask = self._results.get((layer, "segmentation"))
            if mask is None or mask not in self._viewer.layers:
                raise ValueError("Train and predict first: objects are those of a segmentation.")
            options = self._background.value(), self._min_size.value(), self._split.isChecked()
            numbers, table = objects_of(np.asarray(mask.data), image, *options)
        except ValueError as error:
            self._show(error)
            return None
        target = self._result(layer, image, "objects", numbers, self._viewer.add_labels)
        target.features = {"index": table["label"], **table}
        show_info(f"{table.num_rows} objects")
        return table

    def save_project(self, path: str) -> None:
        """Saves images and strokes as a project.

        Args:
            path: path of the file.
        """
        labelled = self._labelled()
        if not labelled:
            raise ValueError("There are no strokes to save.")
        save_project(path, self._project, labelled, self._preset.currentText())
        show_info(f"Saved {len(labelled)} images with strokes to {path}")

    def open_project(self, path: str) -> None:
        """Opens a project: its images and strokes become layers.

        Args:
            path: path of the file.
        """
        project = Project.load(path)
        self._project = project
        self._preset.setCurrentText(project.preset)
        for shown in project_layers(project):
            layer = self._viewer.add_image(shown.data, **shown.options)
            self._add_strokes(layer, layer_image(layer, shown.axes), shown.strokes)
            self._image.choose(layer)

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save project", "project.umbed", "*.umbed")
        if path:
            self._try(lambda: self.save_project(path))

    def _ask_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open project", "", "*.umbed")
        if path:
            self._try(lambda: self.open_project(path))

    # Results

    def _plane(self, layer: Any, image: Image) -> tuple[int, ...]:
        """The plane of an image that the viewer shows."""
        step = self._viewer.dims.current_step[self._viewer.dims.ndim - layer.ndim :]
        position = dict(zip(image.axes, step, strict=False))
        return tuple(
            min(int(position[axis]), size - 1)
            for axis, size in zip(image.plane_axes, image.plane_shape, strict=True)
        )

    def _receive(self, layer: Any, image: Image, result: PlaneResult) -> None:
        """Writes the results of a plane into layers, which are added where there are none."""
        if layer not in self._viewer.layers:
            return
        add_labels, add_image = self._viewer.add_labels, self._viewer.add_image
        shape = label_shape(image)
        parts = [("segmentation", result.classes, "int32", add_labels, {"opacity": 0.5})]
        uncertain = {"colormap": "magma", "contrast_limits": (0, 1), "visible": False}
        parts.append(("uncertainty", result.uncertainty, "float32", add_image, uncertain))
        if self._with_probabilities.isChecked():
            for index, number in enumerate(result.numbers):
                options = {"contrast_limits": (0, 1), "visible": False}
                part = result.probabilities[..., index]
                parts.append((f"probability of {number}", part, "float32", add_image, options))
        for kind, part, dtype, add, options in parts:
            target = self._results.get((layer, kind))
            if target is None or target not in self._viewer.layers or target.data.shape != shape:
                empty = np.zeros(shape, dtype)
                target = self._result(layer, image, kind, empty, add, options)
            write_plane(target.data, image, result.plane, part)
            if kind == "segmentation" and layer in self._pairs:
                target.colormap = self._pairs[layer][1].colormap
            target.refresh()

    def _result(
        self,
        layer: Any,
        image: Image,
        kind: str,
        data: np.ndarray,
        add: Callable[..., Any],
        options: dict[str, Any] | None = None,
    ) -> Any:
        """The layer of results of a kind, with new data; the strokes stay on top of it."""
        target = self._results.get((layer, kind))
        if target is not None and target in self._viewer.layers:
            target.data = data
            return target
        selection = set(self._viewer.layers.selection)
        options = {**(options or {}), **transform_of(layer, image.axes)}
        target = add(data, name=f"{kind} of {layer.name}", **options)
        self._results[layer, kind] = target
        self._image.fill()
        self._strokes.fill()
        layers = self._viewer.layers
        layers.move(layers.index(target), layers.index(layer) + 1)
        layers.selection = selection  # the brush stays in hand
        return target

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (OSError, TypeError, ValueError) as error:
            self._show(error)

    def _show(self, error: Exception) -> None:
        self._status.setText(str(error))
        show_error(str(error))

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Stops computing."""
        self._runner.cancel()
        super().closeEvent(event)


def _button(text: str, action: Callable[[], Any]) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(lambda: action())
    return button


def _colormap(project: Project) -> DirectLabelColormap:
    """The colours of classes, of which those of a project count first."""
    colors: dict[int | None, Any] = {None: (0.5, 0.5, 0.5, 1), 0: (0, 0, 0, 0)}
    for number in range(1, _NUM_COLORS + 1):
        color = CLASS_COLORS[(number - 1) % len(CLASS_COLORS)]
        if number in project.classes:
            color = project.classes[number].color
        colors[number] = (*(part / 255 for part in color), 1)
    return DirectLabelColormap(color_dict=colors)
