"""Which layers are seen while one image is worked on."""

from typing import Any

from napari.layers import Image as ImageLayer

from umbed_keras.apps.napari._layers._result_layers import ResultLayers
from umbed_keras.apps.napari._layers._stroke_layers import StrokeLayers


def show_alone(viewer: Any, layer: Any, strokes: StrokeLayers, results: ResultLayers) -> None:
    """Shows an image with its strokes and segmentation, and hides other images with theirs.

    Args:
        viewer: `napari.Viewer`.
        layer: image layer.
        strokes: layers of strokes.
        results: layers of results.
    """
    own = {layer, results.get(layer, "segmentation")}
    if layer in strokes:
        own.add(strokes.of(layer)[1])
    known = {part for _, _, part in strokes.present()}
    for other in viewer.layers:
        if other in own:
            other.visible = True
        elif isinstance(other, ImageLayer) or other in known or other in results:
            other.visible = False
