"""The part of the widget that measures objects and shows their table."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from umbed_keras.apps.labelling.apply_files import Measuring
from umbed_keras.segmentation import LabelClass, Measurements

# Rows of the table that are shown; a file has all.
_ROWS = 1000


class MeasurePanel(QWidget):
    """Asks what counts as an object, and shows the table of objects.

    Args:
        measure: function that is called by the button.
    """

    chosen = Signal(int)
    failed = Signal(Exception)

    def __init__(self, measure: Callable[[], Any]) -> None:
        super().__init__()
        self.table: Measurements | None = None
        self._background, self._min_size = QComboBox(), QSpinBox()
        self._background.addItem("none", 0)
        self._min_size.setRange(1, 1_000_000)
        self._min_size.setValue(20)
        self._min_size.setSuffix(" pixels")
        self._split = QCheckBox("Divide objects that touch")
        self._rows = QTableWidget()
        self._rows.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._rows.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._rows.verticalHeader().hide()
        self._rows.itemSelectionChanged.connect(self._choose)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Background", self._background)
        form.addRow("At least", self._min_size)
        form.addRow(self._split)
        buttons = QHBoxLayout()
        run, self._save = QPushButton("Measure objects"), QPushButton("Save table ...")
        run.clicked.connect(lambda: measure())
        self._save.clicked.connect(lambda: self.save())
        self._save.setEnabled(False)
        buttons.addWidget(run)
        buttons.addWidget(self._save)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self._rows, 1)

    @property
    def measuring(self) -> Measuring:
        """What counts as an object."""
        background = self._background.currentData() or 0
        return Measuring(background, self._min_size.value(), self._split.isChecked())

    def choose_background(self, number: int) -> None:
        """Chooses the class that is no object.

        Args:
            number: number of the class, 0 for none.
        """
        self._background.setCurrentIndex(max(0, self._background.findData(number)))

    def show_classes(self, classes: dict[int, LabelClass]) -> None:
        """Lists the classes that may be the background; the chosen one stays.

        Args:
            classes: number to `LabelClass`.
        """
        before = self.measuring.background
        self._background.clear()
        self._background.addItem("none", 0)
        for number, given in classes.items():
            self._background.addItem(given.name, number)
        self.choose_background(before)

    def show_table(self, table: Measurements) -> None:
        """Shows a table.

        Args:
            table: `Measurements`.
        """
        self.table = table
        self._save.setEnabled(True)
        self._rows.setSortingEnabled(False)
        self._rows.setRowCount(min(table.num_rows, _ROWS))
        self._rows.setColumnCount(len(table))
        self._rows.setHorizontalHeaderLabels([name.replace("_", " ") for name in table])
        for column, values in enumerate(table.values()):
            for row, value in enumerate(values[:_ROWS].tolist()):
                item = QTableWidgetItem()
                shown = round(value, 3) if isinstance(value, float) else value
                item.setData(Qt.ItemDataRole.DisplayRole, shown)
                self._rows.setItem(row, column, item)
        self._rows.resizeColumnsToContents()
        self._rows.setSortingEnabled(True)

    def save(self, path: str | None = None) -> None:
        """Writes the table as comma-separated values.

        Args:
            path: path of the file; None asks for it.
        """
        if self.table is None:
            return
        if path is None:
            path, _ = QFileDialog.getSaveFileName(self, "Save the table", "objects.csv", "*.csv")
        if path:
            try:
                self.table.to_csv(path)
            except OSError as error:
                self.failed.emit(error)

    def _choose(self) -> None:
        """Tells the label of the chosen row."""
        items, names = self._rows.selectedItems(), list(self.table or ())
        if items and "label" in names:
            item = self._rows.item(items[0].row(), names.index("label"))
            self.chosen.emit(int(item.data(Qt.ItemDataRole.DisplayRole)))
