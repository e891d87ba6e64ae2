"""The half of the widget that chooses images and classes, and labels by strokes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from umbed_keras.apps.labelling.session import Session
from umbed_keras.apps.napari._class_list import ClassList
from umbed_keras.apps.napari._layers._layer_images import (
    axes_choices,
    label_shape,
)
from umbed_keras.apps.napari._layers._result_layers import ResultLayers
from umbed_keras.apps.napari._layers._stroke_layers import StrokeLayers
from umbed_keras.apps.napari._layers._visibility import show_alone
from umbed_keras.apps.napari._runner import Runner
from umbed_keras.apps.napari._widget_parts import WidgetParts
from umbed_keras.images.image import Image
from umbed_keras.segmentation import LabelClass, Project

# Milliseconds after a stroke within which a further one is awaited.
_DELAY = 150
# The classes to begin with: what covers most of an image has a quiet colour.
_CLASSES = {
    1: LabelClass("background", (0, 114, 178)),
    2: LabelClass("object", (213, 94, 0)),
}


class LabelWidget(QWidget):
    """Chooses an image of a viewer, and labels it by strokes of classes.

    Args:
        napari_viewer: `napari.Viewer`, under the name by which napari hands it over.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = Session(Project(_CLASSES))
        self._strokes = StrokeLayers(self._viewer)
        self._results = ResultLayers(self._viewer, self._fill_choices)
        self._listened: Any = None
        self._runner = Runner(self)
        self._recount = QTimer(self)
        self._recount.setSingleShot(True)
        self._recount.timeout.connect(
            lambda: self._parts.classes.show_counts(self._classes.counts())
        )
        self._parts = WidgetParts(self, self._viewer, self._session.project)
        lists = self._session, self._strokes, self._results
        self._classes = ClassList(*lists, self._show_classes)
        self._connect()
        self._classes.show()
        self._parts.measure.choose_background(1)
        self._choose_image()
        self._choose_strokes()

    def is_input(self, layer: Any) -> bool:
        """Returns whether a layer is no result.

        Args:
            layer: layer of the viewer.
        """
        return layer not in self._results

    def _connect(self) -> None:
        parts = self._parts
        self._viewer.layers.events.inserted.connect(self._adopt)
        parts.image.currentIndexChanged.connect(self._choose_image)
        parts.strokes.currentIndexChanged.connect(self._choose_strokes)
        parts.classes.chosen.connect(self._take_class)
        parts.classes.failed.connect(self._show)

    # Choices

    def _fill_choices(self) -> None:
        self._parts.image.fill()
        self._parts.strokes.fill()

    def _choose_image(self) -> None:
        layer, axes = self._parts.image.layer, self._parts.axes
        axes.clear()
        if layer is None:
            return
        try:
            axes.addItems(axes_choices(layer))
        except ValueError as error:
            self._show(error)
            return
        known, strokes = self._strokes.of(layer) if layer in self._strokes else (None, None)
        if known:
            axes.setCurrentText(known)
        self._parts.strokes.choose(strokes)

    def _choose_strokes(self) -> None:
        if self._listened is not None:
            self._listened.events.paint.disconnect(self._stroke)
            self._listened.events.labels_update.disconnect(self._stroke)
            self._listened.events.selected_label.disconnect(self._take_label)
        self._listened = self._parts.strokes.layer
        if self._listened is not None:
            self._listened.events.paint.connect(self._stroke)
            self._listened.events.labels_update.connect(self._stroke)
            self._listened.events.selected_label.connect(self._take_label)

    def _adopt(self, event: Any) -> None:
        """Takes a labels layer that was added by hand for the strokes of the image."""
        known = self._parts.image.layer in self._strokes
        if isinstance(event.value, Labels) and self.is_input(event.value) and not known:
            self._parts.strokes.choose(event.value)

    def next(self) -> None:
        """Shows the next image alone, with its strokes and results."""
        self._step(1)

    def back(self) -> None:
        """Shows the previous image alone."""
        self._step(-1)

    def _step(self, by: int) -> None:
        choice = self._parts.image
        if choice.count():
            choice.setCurrentIndex((choice.currentIndex() + by) % choice.count())
            self.show_alone(choice.layer)

    def show_alone(self, layer: Any) -> None:
        """Shows an image alone, ready for strokes, and predicts it if there are strokes anywhere.

        Args:
            layer: image layer.
        """
        self._parts.image.choose(layer)
        if layer not in self._strokes:
            self.add_strokes()
        show_alone(self._viewer, layer, self._strokes, self._results)
        brush = self._strokes.of(layer)[1] if layer in self._strokes else layer
        self._viewer.layers.selection = {brush}
        if brush is not layer:
            brush.mode = "paint"
        wanted = self._parts.live.isChecked() or self._session.is_fitted
        if wanted and self._results.get(layer, "segmentation") is None:
            self.train(is_live=True)

    def _stroke(self, event: Any = None) -> None:
        self._recount.start(_DELAY)
        if self._parts.live.isChecked():
            self.train(delay=_DELAY, is_live=True)

    def _chosen(self) -> tuple[Any, Image]:
        layer = self._parts.image.layer
        if layer is None:
            raise ValueError("Open an image first: there is no image layer.")
        return layer, self._strokes.image_of(layer, self._parts.axes.currentText() or None)

    # Classes

    def change_class(self, number: int, given: LabelClass) -> None:
        """Changes the name and colour of a class.

        Args:
            number: number of the class.
            given: its `LabelClass`.

        Raises:
            ValueError: if another class has this name.
        """
        self._classes.change(number, given)

    def add_class(self) -> None:
        """Adds a class, and takes its brush."""
        number = self._classes.add()
        self._parts.classes.choose(number)
        self._take_class(number)

    def remove_class(self) -> None:
        """Removes the chosen class, if no pixel is labelled as it."""
        number = self._parts.classes.number
        if number is not None:
            self._try(lambda: self._classes.remove(number))

    def _show_classes(self, classes: dict[int, LabelClass]) -> None:
        self._parts.classes.show_classes(classes)
        self._parts.measure.show_classes(classes)
        self._recount.start(_DELAY)

    def _count(self) -> None:
        self._parts.classes.show_counts(self._classes.counts())

    def _take_class(self, number: int) -> None:
        """Takes the brush of a class."""
        layer = self._parts.strokes.layer
        if layer is not None:
            layer.selected_label = number
            layer.mode = "paint"
            self._viewer.layers.selection = {layer}

    def _take_label(self, event: Any = None) -> None:
        self._parts.classes.choose(self._listened.selected_label)

    # Strokes

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
        classes = self._session.project.classes
        added = self._strokes.add(layer, image, labels, classes)
        self._parts.strokes.choose(added)
        added.selected_label = next(iter(classes), 1)
        self._parts.classes.choose(added.selected_label)
        return added

    def train(self, delay: int = 0, is_live: bool = False) -> None:
        """Learns from all strokes, and predicts the chosen image.

        Args:
            delay: milliseconds to wait for further strokes.
            is_live: True says nothing while there is one class alone.
        """
        raise NotImplementedError

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (OSError, TypeError, ValueError) as error:
            self._show(error)

    def _show(self, error: Exception) -> None:
        self._parts.message.setText(str(error))
        show_error(str(error))
