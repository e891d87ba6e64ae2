"""The list of classes: colours, names, labelled pixels and shares."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
)

from umbed_keras.segmentation import LabelClass

_COLOR, _NUMBER, _NAME, _LABELLED, _SHARE = range(5)
_LEAST_ROWS, _ROWS = 3, 8


class ClassTable(QTableWidget):
    """A row for each class: its colour, number and name, its labelled pixels and its share.

    A double click edits the name, or opens a choice of colours.

    Args:
        change: function of a number and its new `LabelClass`, which raises ValueError where it may
            not be.
    """

    chosen = Signal(int)
    failed = Signal(Exception)

    def __init__(self, change: Callable[[int, LabelClass], None]) -> None:
        super().__init__(0, 5)
        self._change = change
        self._classes: dict[int, LabelClass] = {}
        self._numbers: list[int] = []  # of the rows
        self._counts: Mapping[int, int] = {}
        self._shares: Mapping[int, float] = {}
        self.setHorizontalHeaderLabels(["", "#", "class", "labelled", "share"])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        self.setToolTip("Double click on a name or a colour to change it.")
        self.itemChanged.connect(self._edit)
        self.cellDoubleClicked.connect(self._pick)
        self.itemSelectionChanged.connect(self._select)

    def show_classes(self, classes: Mapping[int, LabelClass]) -> None:
        """Lists classes.

        Args:
            classes: number to `LabelClass`.
        """
        self._classes = dict(classes)
        self._fill()

    def show_counts(self, counts: Mapping[int, int]) -> None:
        """Shows how many pixels of each class are labelled.

        Args:
            counts: number of a class to number of pixels.
        """
        self._counts = counts
        self._fill()

    def show_shares(self, shares: Mapping[int, float]) -> None:
        """Shows the share of each class in the segmentation.

        Args:
            shares: number of a class to a part of 1.
        """
        self._shares = shares
        self._fill()

    def choose(self, number: int) -> None:
        """Selects the row of a class, if there is one.

        Args:
            number: number of the class.
        """
        if number in self._classes:
            with QSignalBlocker(self):
                self.selectRow(self._numbers.index(number))

    @property
    def number(self) -> int | None:
        """The number of the selected class, or None."""
        rows = {index.row() for index in self.selectedIndexes()}
        return self._numbers[rows.pop()] if rows else None

    def _fill(self) -> None:
        selected = self.number
        with QSignalBlocker(self):
            self._numbers = list(self._classes)
            self.setRowCount(len(self._numbers))
            rows = min(max(len(self._numbers), _LEAST_ROWS), _ROWS)
            header = self.horizontalHeader().sizeHint().height()
            self.setFixedHeight(rows * self.verticalHeader().defaultSectionSize() + header + 4)
            for row, (number, given) in enumerate(self._classes.items()):
                color = QTableWidgetItem()
                color.setData(Qt.ItemDataRole.DecorationRole, QColor(*given.color))
                count, share = self._counts.get(number, 0), self._shares.get(number)
                share_text = "" if share is None else f"{100 * share:.1f} %"
                texts = {_NUMBER: number, _NAME: given.name, _LABELLED: f"{count:,}"}
                self.setItem(row, _COLOR, color)
                for column, text in {**texts, _SHARE: share_text}.items():
                    self.setItem(row, column, QTableWidgetItem(str(text)))
                for column in (_COLOR, _NUMBER, _LABELLED, _SHARE):
                    item = self.item(row, column)
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    if column != _COLOR:
                        item.setTextAlignment(
                            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                        )
        if selected is not None:
            self.choose(selected)

    def _edit(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            number = self._numbers[item.row()]
            self._apply(number, item.text(), self._classes[number].color)

    def _pick(self, row: int, column: int) -> None:
        if column != _COLOR:
            return
        number = self._numbers[row]
        given = self._classes[number]
        color = QColorDialog.getColor(QColor(*given.color), self, f"Colour of {given.name}")
        if color.isValid():
            self._apply(number, given.name, (color.red(), color.green(), color.blue()))

    def _apply(self, number: int, name: str, color: tuple[int, int, int]) -> None:
        try:
            self._change(number, LabelClass(name.strip(), color))
        except ValueError as error:
            self._fill()
            self.failed.emit(error)

    def _select(self) -> None:
        if self.number is not None:
            self.chosen.emit(self.number)
