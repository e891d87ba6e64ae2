"""A choice among the layers of a viewer."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QComboBox


class LayerChoice(QComboBox):
    """A box that lists the layers of a type, and follows what the viewer adds, removes and renames.

    Args:
        viewer: `napari.Viewer`.
        kind: class of the layers.
        accepts: function that tells whether a layer is listed.
        may_be_empty: whether nothing stays chosen until something is.
    """

    def __init__(
        self,
        viewer: Any,
        kind: type,
        accepts: Callable[[Any], bool],
        may_be_empty: bool = False,
    ) -> None:
        super().__init__()
        self._may_be_empty = may_be_empty
        self._viewer, self._kind, self._accepts = viewer, kind, accepts
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.renamed):
            event.connect(self.fill)
        self.fill()

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        return self.currentData()

    def choose(self, layer: Any) -> None:
        """Chooses a layer, if it is listed; None chooses nothing."""
        if layer is None:
            self.setCurrentIndex(-1)
        for index in range(self.count()):
            if self.itemData(index) is layer:
                self.setCurrentIndex(index)

    def fill(self, event: Any = None) -> None:
        """Lists the layers again; the chosen one stays, if it is there."""
        before = self.layer
        self.blockSignals(True)
        self.clear()
        for layer in self._viewer.layers:
            if isinstance(layer, self._kind) and self._accepts(layer):
                self.addItem(layer.name, layer)
        if before is not None or self._may_be_empty:
            self.choose(before)
        self.blockSignals(False)
        if self.layer is not before:
            self.currentIndexChanged.emit(self.currentIndex())
