"""Similar pixels of a click."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from umbed_keras.apps.labelling.session import Session, plane_view
from umbed_keras.apps.napari._layers._layer_images import label_shape
from umbed_keras.apps.napari._layers._result_layers import ResultLayers
from umbed_keras.apps.napari._runner import Runner
from umbed_keras.images.image import Image


class SimilarPixels:
    """Shows how similar each pixel of a plane is to one that is clicked.

    Args:
        viewer: `napari.Viewer`.
        session: `Session`.
        results: layers of results.
        runner: `Runner`, which computes.
    """

    def __init__(
        self, viewer: Any, session: Session, results: ResultLayers, runner: Runner
    ) -> None:
        self._viewer, self._session = viewer, session
        self._results, self._runner = results, runner

    def show(
        self, layer: Any, image: Image, plane: tuple[int, ...], position: tuple[float, ...]
    ) -> None:
        """Shows how similar each pixel is to one; nothing happens beside the image.

        Args:
            layer: image layer.
            image: its `Image`.
            plane: index of the plane in view.
            position: of the pixel, in the coordinates of the viewer.
        """
        at = np.round(layer.world_to_data(position)).astype(int)
        index = dict(zip(image.axes, at.tolist(), strict=False))  # colours have no position
        row, col = index["y"], index["x"]
        if not (0 <= row < image.height and 0 <= col < image.width):
            return

        def task() -> Iterator[np.ndarray]:
            yield self._session.similar(image, plane, row, col)

        def receive(cosines: np.ndarray) -> None:
            target = self._results.get(layer, "similarity")
            fits = target is not None and target.data.shape == label_shape(image)
            data = target.data if fits else np.zeros(label_shape(image), "float32")
            plane_view(data, image, plane)[...] = cosines
            options = {"colormap": "viridis", "opacity": 0.7, "contrast_limits": (0, 1)}
            add = self._viewer.add_image
            self._results.show(layer, image, "similarity", data, add, options).refresh()

        self._runner.submit(task, receive, total=1)
