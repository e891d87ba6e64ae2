"""Images to try the plugin on, which come with scikit-image."""

from typing import Any

from umbed_keras.extras import import_extra


def portrait() -> list[tuple[Any, dict[str, Any], str]]:
    """Returns a layer with a portrait by NASA, in colour."""
    return [(import_extra("skimage.data", "napari").astronaut(), {"name": "portrait"}, "image")]


def coins() -> list[tuple[Any, dict[str, Any], str]]:
    """Returns a layer with Greek coins from Pompeii, in grey."""
    return [(import_extra("skimage.data", "napari").coins(), {"name": "coins"}, "image")]
