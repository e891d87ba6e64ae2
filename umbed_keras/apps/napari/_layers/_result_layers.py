"""The layers of results: segmentation, uncertainty, probabilities, objects and suggestions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from umbed_keras.apps.labelling.session import Result
from umbed_keras.apps.napari._layers._layer_images import label_shape, transform_of
from umbed_keras.apps.napari._layers._stroke_layers import color_classes
from umbed_keras.images.image import Image
from umbed_keras.segmentation import LabelClass, Suggestion


class ResultLayers:
    """The layers of results of each image layer, one of a kind.

    Each is updated where it is there, and added where it is not, below the strokes; what is
    selected stays selected, so that the brush stays in hand.

    Args:
        viewer: `napari.Viewer`.
        added: function that is called when a layer was added.
    """

    def __init__(self, viewer: Any, added: Callable[[], None]) -> None:
        self._viewer, self._added = viewer, added
        self._layers: dict[tuple[Any, str], Any] = {}

    def __contains__(self, layer: Any) -> bool:
        return layer in self._layers.values()

    def get(self, layer: Any, kind: str) -> Any:
        """Returns the layer of a kind, or None where the viewer has none.

        Args:
            layer: image layer.
            kind: kind of result.
        """
        target = self._layers.get((layer, kind))
        return target if target is not None and target in self._viewer.layers else None

    def of_kind(self, kind: str) -> list[Any]:
        """Returns the layers of a kind, of all images.

        Args:
            kind: kind of result.
        """
        return [layer for (_, own), layer in self._layers.items() if own == kind]

    def write(
        self,
        layer: Any,
        image: Image,
        result: Result,
        classes: Mapping[int, LabelClass],
        with_probabilities: bool,
    ) -> None:
        """Writes what was predicted.

        Args:
            layer: image layer.
            image: its `Image`.
            result: of a plane, or of a window of it.
            classes: number to `LabelClass`.
            with_probabilities: whether the probability of each class has a layer, too.
        """
        add_labels, add_image = self._viewer.add_labels, self._viewer.add_image
        parts = [("segmentation", result.classes, "int32", add_labels, {"opacity": 0.5})]
        uncertain = {"colormap": "magma", "contrast_limits": (0, 1), "visible": False}
        parts.append(("uncertainty", result.uncertainty, "float32", add_image, uncertain))
        if with_probabilities:
            for index, number in enumerate(result.numbers):
                options = {"contrast_limits": (0, 1), "visible": False}
                name = classes[number].name if number in classes else str(number)
                part = result.probabilities[..., index]
                parts.append((f"probability of {name}", part, "float32", add_image, options))
        for kind, part, dtype, add, options in parts:
            target = self.get(layer, kind)
            if target is None or target.data.shape != label_shape(image):
                empty = np.zeros(label_shape(image), dtype)
                target = self.show(layer, image, kind, empty, add, options)
                if kind == "segmentation":
                    color_classes(target, classes)
            result.write(target.data, image, part)
            target.refresh()

    def show(
        self,
        layer: Any,
        image: Image,
        kind: str,
        data: np.ndarray,
        add: Callable[..., Any],
        options: dict[str, Any] | None = None,
    ) -> Any:
        """Shows new data of a kind.

        Args:
            layer: image layer.
            image: its `Image`.
            kind: kind of result.
            data: array with the image's axes but the channels, or points along these.
            add: method of the viewer that adds a layer.
            options: further arguments of `add`.

        Returns:
            The layer.
        """
        target = self.get(layer, kind)
        if target is not None:
            target.data = data
            return target
        layers = self._viewer.layers
        selection = set(layers.selection)
        options = {**(options or {}), **transform_of(layer, image.axes)}
        target = add(data, name=f"{kind} of {layer.name}", **options)
        self._layers[layer, kind] = target
        self._added()
        if kind != "suggestions":
            layers.move(layers.index(target), layers.index(layer) + 1)
        layers.selection = selection
        return target

    def show_suggestions(self, layer: Any, image: Image, suggestions: list[Suggestion]) -> Any:
        """Shows where to label next, as numbered points.

        Args:
            layer: image layer.
            image: its `Image`.
            suggestions: the best first.
        """
        former = self.get(layer, "suggestions")
        if former is not None:
            selection = set(self._viewer.layers.selection) - {former}
            self._viewer.layers.remove(former)
            self._viewer.layers.selection = selection
        options = {
            "features": {
                "rank": np.arange(1, len(suggestions) + 1),
                "uncertainty": [round(each.uncertainty, 3) for each in suggestions],
            },
            "text": {"string": "{rank}", "color": "white", "size": 10},
            "size": max(4, min(image.height, image.width) / 40),
            "face_color": "transparent",
            "border_color": "white",
        }
        points = suggestion_points(image, suggestions)
        return self.show(layer, image, "suggestions", points, self._viewer.add_points, options)


def suggestion_points(image: Image, suggestions: list[Suggestion]) -> np.ndarray:
    """Returns the positions of suggestions along the image's axes but the channels, `(n, ndim)`.

    Args:
        image: `Image`.
        suggestions: of this image.
    """
    letters = image.axes.replace("c", "")
    rows = []
    for suggestion in suggestions:
        at = dict(zip(image.plane_axes, suggestion.plane, strict=True))
        at |= {"y": suggestion.row, "x": suggestion.col}
        rows.append([at[axis] for axis in letters])
    return np.array(rows, float).reshape(-1, len(letters))
