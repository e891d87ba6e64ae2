"""The labels layers that hold strokes, and the images that they belong to."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from umbed_keras.apps.napari._layers._layer_images import (
    axes_choices,
    layer_image,
    layer_labels,
    transform_of,
)
from umbed_keras.images.image import Image
from umbed_keras.images.labels import CLASS_COLORS
from umbed_keras.segmentation import LabelClass

# Numbers up to this one have colours before they are classes.
_NUM_COLORS = 60


class StrokeLayers:
    """Image layers, each with its axes and the labels layer of its strokes.

    Args:
        viewer: `napari.Viewer`.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._pairs: dict[Any, tuple[str, Any]] = {}
        self._images: dict[Any, tuple[tuple[Any, ...], Image]] = {}

    def __contains__(self, layer: Any) -> bool:
        return layer in self._pairs

    def of(self, layer: Any) -> tuple[str, Any]:
        """Returns the axes of an image layer and the layer of its strokes.

        Args:
            layer: image layer that has strokes.
        """
        return self._pairs[layer]

    def pair(self, layer: Any, axes: str, strokes: Any) -> None:
        """Notes which strokes belong to an image layer.

        Args:
            layer: image layer.
            axes: its axes.
            strokes: labels layer.

        Raises:
            ValueError: if they belong to another image.
        """
        for other, _, known in self.present():
            if known is strokes and other is not layer:
                raise ValueError(
                    f'The strokes {strokes.name!r} belong to {other.name!r}: press "New".'
                )
        self._pairs[layer] = (axes, strokes)

    def add(
        self, layer: Any, image: Image, labels: np.ndarray, classes: Mapping[int, LabelClass]
    ) -> Any:
        """Adds a labels layer for strokes, with a brush that fits the image.

        Args:
            layer: image layer.
            image: its `Image`.
            labels: array with the image's axes but the channels.
            classes: number to `LabelClass`, whose colours it has.

        Returns:
            `napari.layers.Labels`.
        """
        added = self._viewer.add_labels(
            labels,
            name=f"strokes on {layer.name}",
            opacity=0.9,
            **transform_of(layer, image.axes),
        )
        added.brush_size = max(2, round(min(image.height, image.width) / 60))
        color_classes(added, classes)
        self._pairs[layer] = (image.axes, added)
        return added

    def present(self, first: Any = None) -> Iterator[tuple[Any, str, Any]]:
        """Yields the layers that are in the viewer: image, axes, strokes.

        Args:
            first: image layer to begin with.
        """
        layers = set(self._viewer.layers)
        for layer, (axes, strokes) in sorted(self._pairs.items(), key=lambda p: p[0] is not first):
            if layer in layers and strokes in layers:
                yield layer, axes, strokes

    def labelled(self, first: Any = None) -> list[tuple[Any, Image, np.ndarray]]:
        """Returns the image layers in the viewer with their images and copies of their labels.

        Args:
            first: image layer to begin with.

        Raises:
            ValueError: if strokes have another size than their image.
        """
        result = []
        for layer, axes, strokes in self.present(first):
            image = self.image_of(layer, axes)
            result.append((layer, image, layer_labels(strokes, image)))
        return result

    def image_of(self, layer: Any, axes: str | None) -> Image:
        """Returns the `Image` of a layer: the same one as before, if the layer is unchanged.

        Args:
            layer: image layer.
            axes: its axes, as `layer_image` takes them.
        """
        axes = axes or axes_choices(layer)[0]
        state = layer.data, axes, layer.scale.tolist(), layer.units, layer.name
        known = self._images.get(layer)
        if known is None or known[0][0] is not state[0] or known[0][1:] != state[1:]:
            known = self._images[layer] = state, layer_image(layer, axes)
        return known[1]

    def counts(self) -> dict[int, int]:
        """Returns how many pixels of each number are labelled, over all layers."""
        total: dict[int, int] = {}
        for _, _, strokes in self.present():
            for number, count in number_counts(np.asarray(strokes.data)).items():
                total[number] = total.get(number, 0) + count
        return total


def number_counts(labels: np.ndarray) -> dict[int, int]:
    """Returns how often each number but 0 occurs in an integer array.

    Args:
        labels: integers, most of which are 0.
    """
    numbers, counts = np.unique(labels[labels != 0], return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def color_classes(layer: Labels, classes: Mapping[int, LabelClass]) -> None:
    """Gives a labels layer the colours of classes, and their names where the pointer is.

    Args:
        layer: labels layer of strokes or of a segmentation.
        classes: number to `LabelClass`. Further numbers get the usual colours.
    """
    colors: dict[int | None, Any] = {None: (0.5, 0.5, 0.5, 1), 0: (0, 0, 0, 0)}
    for number in {*range(1, _NUM_COLORS + 1), *classes}:
        color = CLASS_COLORS[(number - 1) % len(CLASS_COLORS)]
        if number in classes:
            color = classes[number].color
        colors[number] = (*(part / 255 for part in color), 1)
    layer.colormap = DirectLabelColormap(color_dict=colors)
    names = {number: given.name for number, given in classes.items()}
    layer.features = {"index": [0, *names], "class": ["none", *names.values()]}
