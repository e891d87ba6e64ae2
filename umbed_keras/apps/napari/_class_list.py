"""The classes of a project, in the table and in all layers that show them."""

from collections.abc import Callable
from typing import Any

from umbed_keras.apps.labelling.session import Session
from umbed_keras.apps.napari._layers._result_layers import ResultLayers
from umbed_keras.apps.napari._layers._stroke_layers import StrokeLayers, color_classes
from umbed_keras.segmentation import LabelClass
from umbed_keras.segmentation.project.label_class import as_classes, with_numbers


class ClassList:
    """Keeps the project's classes, the table of classes and the colours of layers alike.

    Args:
        session: `Session`, whose project has the classes.
        strokes: layers of strokes.
        results: layers of results.
        show: function that shows the classes elsewhere.
    """

    def __init__(
        self,
        session: Session,
        strokes: StrokeLayers,
        results: ResultLayers,
        show: Callable[[dict[int, LabelClass]], None],
    ) -> None:
        self._session, self._strokes, self._results = session, strokes, results
        self._show = show

    def change(self, number: int, given: LabelClass) -> None:
        """Changes the name and colour of a class.

        Args:
            number: number of the class.
            given: its `LabelClass`.

        Raises:
            ValueError: if another class has this name.
        """
        project = self._session.project
        project.classes = as_classes({**project.classes, number: given})
        self.show()

    def add(self) -> int:
        """Adds a class, and returns its number."""
        project = self._session.project
        number = max([0, *project.classes]) + 1
        project.classes = with_numbers(project.classes, [number])
        self.show()
        return number

    def remove(self, number: int) -> None:
        """Removes a class.

        Args:
            number: number of the class.

        Raises:
            ValueError: if pixels are labelled as it.
        """
        classes = self._session.project.classes
        if self._strokes.counts().get(number):
            raise ValueError(f"Erase the strokes of {classes[number].name} first.")
        self._session.project.classes = {n: given for n, given in classes.items() if n != number}
        self.show()

    def show(self) -> None:
        """Shows names and colours wherever they are seen."""
        classes = self._session.project.classes
        self._show(classes)
        strokes: list[Any] = [strokes for _, _, strokes in self._strokes.present()]
        for layer in [*strokes, *self._results.of_kind("segmentation")]:
            color_classes(layer, classes)

    def counts(self) -> dict[int, int]:
        """Returns the number of labelled pixels of each class; new numbers become classes."""
        counts, project = self._strokes.counts(), self._session.project
        if not counts.keys() <= project.classes.keys():
            project.classes = with_numbers(project.classes, counts)
            self.show()
        return counts
