"""What the widget consists of, and how it is arranged."""

from collections.abc import Callable
from typing import Any

from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from umbed_keras.apps.napari._parts._class_table import ClassTable
from umbed_keras.apps.napari._parts._layer_choice import LayerChoice
from umbed_keras.apps.napari._parts._measure_panel import MeasurePanel
from umbed_keras.apps.napari._parts._settings_panel import SettingsPanel
from umbed_keras.segmentation import Project


class WidgetParts:
    """The parts of a widget, which are laid out in it; their buttons call its methods.

    Args:
        widget: `SegmentWidget`.
        viewer: `napari.Viewer`.
        project: `Project`, whose settings are shown.
    """

    def __init__(self, widget: Any, viewer: Any, project: Project) -> None:
        self.image = LayerChoice(viewer, ImageLayer, widget.is_input)
        self.strokes = LayerChoice(viewer, Labels, widget.is_input, may_be_empty=True)
        self.axes = QComboBox()
        self.axes.setToolTip("t: time, z: depth, c: channel, y: row, x: column")
        self.classes = ClassTable(widget.change_class)
        self.live = QCheckBox("Live: answer every stroke")
        self.live.setChecked(True)
        self.with_probabilities = QCheckBox("Probabilities, too")
        self.similar = QPushButton("Similar to a click")
        self.similar.setCheckable(True)
        self.similar.setToolTip("Click on the image: how similar is each pixel to this one?")
        self.measure = MeasurePanel(widget.add_objects)
        self.settings = SettingsPanel(project)
        self.with_table = QCheckBox("A table of all objects, too (see Measure)")
        self.with_table.setChecked(True)
        self.message, self._bar = QLabel(), QProgressBar()
        self.message.setWordWrap(True)
        self._bar.hide()
        self._cancel = _button("Cancel", widget.cancel)
        self._cancel.hide()
        layout = QVBoxLayout(widget)
        layout.addLayout(self._inputs(widget))
        layout.addWidget(self.classes)
        layout.addLayout(
            _row(
                _button("Add class", widget.add_class), _button("Remove class", widget.remove_class)
            )
        )
        layout.addLayout(_row(self.live, self.with_probabilities))
        layout.addWidget(_button("Train and predict", widget.train))
        suggest = _button("Where to label next", widget.suggest)
        suggest.setToolTip("Numbered points, the most useful place to label first")
        layout.addLayout(_row(suggest, self.similar))
        layout.addLayout(_row(self._bar, self._cancel))
        layout.addWidget(self.message)
        tabs = QTabWidget()
        tabs.addTab(self.measure, "Measure")
        tabs.addTab(self._applying(widget), "Apply")
        tabs.addTab(self.settings, "Settings")
        layout.addWidget(tabs, 1)
        layout.addLayout(
            _row(
                _button("Open project ...", widget.ask_open),
                _button("Save project ...", widget.ask_save),
            )
        )

    def show_progress(self, done: int, total: int) -> None:
        """Shows how far the work is.

        Args:
            done: number of results.
            total: number of all results; 0 if that is not known, -1 if nothing is being done.
        """
        is_busy = total >= 0
        self._bar.setVisible(is_busy)
        self._cancel.setVisible(is_busy)
        self._bar.setRange(0, max(0, total) if total > 1 else 0)
        self._bar.setValue(min(done, max(0, total)))

    def _inputs(self, widget: Any) -> QLayout:
        form = QFormLayout()
        steps = [_button(text, action) for text, action in (("<", widget.back), (">", widget.next))]
        for step, text in zip(steps, ("previous", "next"), strict=True):
            step.setToolTip(f"Shows the {text} image alone, ready for strokes")
            step.setMaximumWidth(28)
        form.addRow("Image", _row(self.image, *steps))
        form.addRow("Axes", self.axes)
        form.addRow("Strokes", _row(self.strokes, _button("New", widget.add_strokes)))
        return form

    def _applying(self, widget: Any) -> QWidget:
        panel = QWidget()
        layout = QVBoxLayout(panel)
        layout.addWidget(_button("Apply to selected layers", widget.apply))
        folder = _button("Apply to a folder ...", widget.apply_to_folder)
        folder.setToolTip("Masks, probabilities and overlays go to a folder beside it.")
        layout.addWidget(folder)
        layout.addWidget(self.with_table)
        layout.addStretch()
        return panel


def _button(text: str, action: Callable[[], Any]) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(lambda: action())
    return button


def _row(*parts: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    for part in parts:
        layout.addWidget(part, 0 if isinstance(part, QPushButton) else 1)
    return layout
