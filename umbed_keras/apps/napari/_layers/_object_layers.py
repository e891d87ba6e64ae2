"""Objects of a segmentation as a layer and a table."""

from typing import Any

import numpy as np

from umbed_keras.apps.labelling.session import Session, objects_of
from umbed_keras.apps.napari._layers._result_layers import ResultLayers
from umbed_keras.apps.napari._parts._measure_panel import MeasurePanel
from umbed_keras.images.image import Image
from umbed_keras.segmentation import Measurements


class ObjectLayers:
    """Numbers and measures the objects of segmentations.

    Args:
        viewer: `napari.Viewer`.
        session: `Session`, whose project names the classes.
        results: layers of results.
        panel: what says what counts as an object, and shows the table.
    """

    def __init__(
        self, viewer: Any, session: Session, results: ResultLayers, panel: MeasurePanel
    ) -> None:
        self._viewer, self._session = viewer, session
        self._results, self._panel = results, panel

    def add(self, layer: Any, image: Image) -> Measurements:
        """Adds the objects of an image as a layer, whose features are their table.

        Args:
            layer: image layer.
            image: its `Image`.

        Raises:
            ValueError: if there is no segmentation.
        """
        mask = self._results.get(layer, "segmentation")
        if mask is None:
            raise ValueError("Train and predict first: objects are those of a segmentation.")
        measuring, classes = self._panel.measuring, self._session.project.classes
        options = measuring.background, measuring.min_size, measuring.split, classes
        numbers, table = objects_of(np.asarray(mask.data), image, *options)
        target = self._results.show(layer, image, "objects", numbers, self._viewer.add_labels)
        target.features = {"index": table["label"], **table}
        self._panel.show_table(table)
        return table

    def point_out(self, layer: Any, number: int) -> None:
        """Shows one object alone.

        Args:
            layer: image layer.
            number: number of the object.
        """
        target = self._results.get(layer, "objects")
        if target is not None:
            target.visible = True
            target.selected_label = number
            target.show_selected_label = True
