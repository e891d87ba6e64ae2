"""The dock widget that segments the images of a viewer from strokes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog

from umbed_keras.apps.labelling.apply_files import Applied, apply_to_files
from umbed_keras.apps.labelling.session import Result
from umbed_keras.apps.napari._label_widget import LabelWidget
from umbed_keras.apps.napari._layers._layer_images import (
    axes_choices,
    layer_image,
    layer_labels,
    layer_path,
    layer_view,
)
from umbed_keras.apps.napari._layers._object_layers import ObjectLayers
from umbed_keras.apps.napari._layers._project_layers import project_layers, save_project
from umbed_keras.apps.napari._layers._stroke_layers import number_counts
from umbed_keras.apps.napari._similar_pixels import SimilarPixels
from umbed_keras.images.image import Image
from umbed_keras.segmentation import Project

# Milliseconds after a stroke within which a further one is awaited before the project is saved.
_SAVE_DELAY = 700


class SegmentWidget(LabelWidget):
    """Segments images of a viewer from strokes in a labels layer.

    Args:
        napari_viewer: `napari.Viewer`, under the name by which napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__(napari_viewer)
        self._similar = SimilarPixels(self._viewer, self._session, self._results, self._runner)
        self._objects = ObjectLayers(
            self._viewer, self._session, self._results, self._parts.measure
        )
        parts = self._parts
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.timeout.connect(self.autosave)
        self._recount.timeout.connect(lambda: self._saving.start(_SAVE_DELAY))
        QApplication.instance().aboutToQuit.connect(self.autosave)
        self._runner.failed.connect(self._show)
        self._runner.idle.connect(self._rest)
        self._runner.advanced.connect(parts.show_progress)
        parts.measure.chosen.connect(self._show_object)
        parts.measure.failed.connect(self._show)
        parts.similar.toggled.connect(self._listen_to_clicks)

    def train(self, delay: int = 0, is_live: bool = False) -> None:
        """Learns from all strokes, and predicts the chosen image.

        Args:
            delay: milliseconds to wait for further strokes.
            is_live: True says nothing while there is one class alone.
        """
        try:
            layer, image = self._chosen()
            strokes = self._parts.strokes.layer
            if strokes is None:
                raise ValueError('Add a layer of strokes first: press "New".')
            layer_labels(strokes, image)  # the sizes fit
            self._strokes.pair(layer, image.axes, strokes)
        except ValueError as error:
            self._show(error)
            return
        first, view = self._plane(layer, image), layer_view(layer, image)

        def task() -> Iterator[tuple[Image, Result]]:
            labelled = [(image, labels) for _, image, labels in self._strokes.labelled(layer)]
            if is_live and len(np.unique(np.concatenate([p[1].ravel() for p in labelled]))) < 3:
                return  # the first class alone, as yet
            self._session.fit(labelled, refine=False)
            yield image, next(self._session.results(image, first, view))  # soon
            self._session.refine()
            for result in self._session.results(image, first, view):
                yield image, result

        self._compute(task, lambda pair: self._receive(layer, *pair), delay, image.num_planes + 1)

    def apply(self) -> None:
        """Predicts the image layers that are selected in the viewer's list."""
        layers = [layer for layer in self._viewer.layers if layer in self._viewer.layers.selection]
        layers = [x for x in layers if isinstance(x, ImageLayer) and self.is_input(x)]
        try:
            if not layers:
                raise ValueError("Select image layers in the list of layers first.")
            _ = self._session.classifier
            axes = self._parts.axes.currentText()
            pairs = [
                (x, self._strokes.image_of(x, axes if axes in axes_choices(x) else None))
                for x in layers
            ]
        except ValueError as error:
            self._show(error)
            return

        def task() -> Iterator[tuple[Any, Image, Result]]:
            for layer, image in pairs:
                for result in self._session.results(image):
                    yield layer, image, result

        total = sum(image.num_planes for _, image in pairs)
        self._compute(task, lambda parts: self._receive(*parts), total=total)

    def apply_to_folder(self, folder: str | None = None) -> None:
        """Writes masks, and a table of objects if wanted, of all images of a folder.

        Args:
            folder: path of the folder; None asks for it. Results go to a folder beside it.
        """
        try:
            classifier = self._session.classifier
        except ValueError as error:
            self._show(error)
            return
        if folder is None:
            known = layer_path(self._parts.image.layer)
            start = "" if known is None else str(Path(known).parent)
            folder = QFileDialog.getExistingDirectory(self, "Folder of images", start)
        if not folder:
            return
        path = Path(folder)
        output = path.with_name(f"{path.name} segmented")
        measuring = self._parts.measure.measuring if self._parts.with_table.isChecked() else None
        axes = self._parts.axes.currentText()
        axes = axes if len(axes) > 2 and axes != "yxc" else None
        options = axes, self._session.project.classes, measuring

        def receive(applied: Applied) -> None:
            self._parts.show_progress(applied.done, applied.total)
            if applied.done == applied.total:
                self._parts.message.setText(applied.summary())
                (show_warning if applied.broken else show_info)(applied.summary())

        self._compute(lambda: apply_to_files(classifier, [path], output, *options), receive)

    def suggest(self) -> None:
        """Shows where to label next, as numbered points, the best first."""
        try:
            layer, image = self._chosen()
            _ = self._session.classifier
        except ValueError as error:
            self._show(error)
            return

        def task() -> Iterator[Any]:
            yield self._session.suggest(image)

        self._compute(
            task, lambda found: self._results.show_suggestions(layer, image, found), total=1
        )

    def similar_to(self, position: tuple[float, ...]) -> None:
        """Shows how similar each pixel is to one.

        Args:
            position: of the pixel, in the coordinates of the viewer.
        """
        try:
            layer, image = self._chosen()
        except ValueError as error:
            self._show(error)
            return
        self._similar.show(layer, image, self._plane(layer, image), position)

    def _listen_to_clicks(self, listens: bool) -> None:
        """While it listens, a click shows similar pixels, and the brush rests."""
        callbacks, strokes = self._viewer.mouse_drag_callbacks, self._parts.strokes.layer
        if listens:
            callbacks.append(self._click)
        elif self._click in callbacks:
            callbacks.remove(self._click)
        if strokes is not None:
            strokes.mode = "pan_zoom" if listens else "paint"

    def _click(self, viewer: Any, event: Any) -> None:
        self.similar_to(event.position)

    def add_objects(self) -> Any:
        """Adds the objects of the segmentation as a layer, whose features are their table.

        Returns:
            `umbed_keras.segmentation.Measurements`, or None where there is no segmentation.
        """
        try:
            layer, image = self._chosen()
            table = self._objects.add(layer, image)
        except ValueError as error:
            self._show(error)
            return None
        self._parts.message.setText(f"{table.num_rows} objects")
        return table

    def _show_object(self, number: int) -> None:
        """Shows the object of a row of the table."""
        self._objects.point_out(self._parts.image.layer, number)

    # Projects

    def save_project(self, path: str) -> None:
        """Saves images, strokes, classes and settings as a project.

        Args:
            path: path of the file.
        """
        labelled = self._strokes.labelled()
        if not labelled:
            raise ValueError("There are no strokes to save.")
        self._classes.counts()
        save_project(path, self._session.project, labelled)
        show_info(f"Saved {len(labelled)} images with strokes to {path}")

    def keep_in(self, path: Path) -> None:
        """Saves the project to a file after each change from now on.

        Args:
            path: path of the file.
        """
        self._session.project.path = Path(os.path.abspath(path))

    def autosave(self) -> None:
        """Saves the project, if it has a file: images that have files, and their strokes."""
        project = self._session.project
        if project.path is None:
            return
        try:
            labelled = [part for part in self._strokes.labelled() if layer_path(part[0])]
            if labelled:
                save_project(str(project.path), project, labelled)
        except (OSError, ValueError) as error:
            project.path = None  # it would fail again at each stroke
            self._show(ValueError(f"The project is not saved any more: {error}"))

    def open_project(self, path: str) -> None:
        """Opens a project: its images and strokes become layers.

        Args:
            path: path of the file.
        """
        self._session.project = project = Project.load(path)
        self._parts.settings.show_project(project)
        self._classes.show()
        for shown, strokes in project_layers(project):
            layer = self._viewer.add_image(shown.data, **shown.options)
            self._add_strokes(layer, layer_image(layer, shown.axes), strokes)
            self._parts.image.choose(layer)
        self._recount.start(0)

    def ask_save(self) -> None:
        """Asks for the file of the project, and saves it."""
        known = self._session.project.path
        start = "project.umbed" if known is None else str(known)
        path, _ = QFileDialog.getSaveFileName(self, "Save project", start, "*.umbed")
        if path:
            self._try(lambda: self.save_project(path))

    def ask_open(self) -> None:
        """Asks for the file of a project, and opens it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open project", "", "*.umbed")
        if path:
            self._try(lambda: self.open_project(path))

    # Computing

    def cancel(self) -> None:
        """Stops what is being computed."""
        self._runner.cancel()

    def _compute(
        self,
        task: Callable[[], Iterator[Any]],
        receive: Callable[[Any], None],
        delay: int = 0,
        total: int = 0,
    ) -> None:
        self._parts.message.setText("")
        self._runner.submit(task, receive, delay, total)

    def _plane(self, layer: Any, image: Image) -> tuple[int, ...]:
        """The plane of an image that the viewer shows."""
        step = self._viewer.dims.current_step[self._viewer.dims.ndim - layer.ndim :]
        position = dict(zip(image.axes, step, strict=False))
        return tuple(
            min(int(position[axis]), size - 1)
            for axis, size in zip(image.plane_axes, image.plane_shape, strict=True)
        )

    def _receive(self, layer: Any, image: Image, result: Result) -> None:
        """Shows what was predicted, unless the image was closed meanwhile."""
        if layer in self._viewer.layers:
            classes = self._session.project.classes
            wanted = self._parts.with_probabilities.isChecked()
            self._results.write(layer, image, result, classes, wanted)

    def _rest(self) -> None:
        """Shows that nothing is computed, and the shares of classes."""
        self._parts.show_progress(0, -1)
        left_out = self._session.left_out
        if left_out and not self._parts.message.text():
            self._parts.message.setText(
                f"Strokes on images with other channels do not count: {left_out}"
            )
        mask = self._results.get(self._parts.image.layer, "segmentation")
        if mask is not None:
            counts = number_counts(np.asarray(mask.data))
            total = max(1, sum(counts.values()))
            self._parts.classes.show_shares({n: count / total for n, count in counts.items()})

    def closeEvent(self, a0: Any) -> None:  # noqa: N802
        """Stops computing."""
        self._runner.cancel()
        self._parts.similar.setChecked(False)
        super().closeEvent(a0)
