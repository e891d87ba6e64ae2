"""Projects as layers of napari, and layers as projects."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from umbed_keras.apps.napari._layers._layer_images import PATH_KEY, label_shape, layer_path
from umbed_keras.images.image import Image
from umbed_keras.segmentation import Project
from umbed_keras.typing import PathLike


class ImageLayer(NamedTuple):
    """An image of a file, as layers show it.

    Attributes:
        data: array, colours last, or any other channels first.
        options: further arguments of `napari.Viewer.add_image`.
        axes: axes of `data`.
    """

    data: np.ndarray
    options: dict[str, Any]
    axes: str


def save_project(
    path: PathLike,
    project: Project,
    labelled: Sequence[tuple[Any, Image, np.ndarray]],
) -> None:
    """Writes images and strokes to a project's file.

    Args:
        path: path of the file.
        project: `Project` to update and save; images that no layer shows stay.
        labelled: for each image its layer, its `umbed_keras.Image` and its label image.

    Raises:
        ValueError: if a layer has no file, or its file holds an image of another size; the project
            is not changed then.
        OSError: if a file can't be read or written.
    """
    without = [layer.name for layer, _, _ in labelled if layer_path(layer) is None]
    if without:
        raise ValueError(
            f"A project names the files of its images, and these layers have none: {without}. "
            "Save them as files and open these."
        )
    found = Project()
    strokes = []
    for layer, image, labels in labelled:
        key = _known(project, layer, image)
        if key is not None or labels.any():
            strokes.append((key or _added(found, layer, image), labels))
    for key, labels in strokes:
        project.images.setdefault(key, found.images.get(key))
        project.set_strokes(key, labels)
    project.save(path)


def _known(project: Project, layer: Any, image: Image) -> str | None:
    """The key of an image that is in a project already, or None."""
    path = Path(os.path.abspath(layer_path(layer) or ""))
    keys = [
        key
        for key, described in project.images.items()
        if described.path == path
        and tuple(described.sizes.values()) == label_shape(image)
        and described.is_present()
    ]
    return keys[0] if len(keys) == 1 else None


def _added(project: Project, layer: Any, image: Image) -> str:
    """Adds the file of a layer to a project, in the axes that the layer has."""
    path = layer_path(layer)
    problem: Exception | None = None
    for axes in (None, image.axes):
        try:
            key = project.add_image(path, axes)
        except ValueError as error:
            problem = problem or error
            continue
        if tuple(project.images[key].sizes.values()) == label_shape(image):
            return key
        problem = problem or ValueError(f"it has the sizes {dict(project.images[key].sizes)}")
        project.remove_image(key)
    raise ValueError(
        f"The file {path} can't be read as the layer {layer.name!r} shows it: {problem}."
    )


def project_layers(project: Project) -> list[tuple[ImageLayer, np.ndarray]]:
    """Reads the images of a project that are not missing, with their strokes.

    Args:
        project: `Project`.

    Returns:
        Layers, each with an int64 array that has its axes but the channels.
    """
    layers, missing = [], set(project.missing)
    for key, described in project.images.items():
        if key in missing:
            continue
        layer = file_layer(project.open_image(key), described.path)
        letters = "".join(described.sizes)
        order = [letters.index(axis) for axis in layer.axes if axis != "c"]
        layers.append((layer, project.strokes(key).transpose(order)))
    return layers


def file_layer(image: Image, path: Path) -> ImageLayer:
    """Reads an image as a layer of napari shows it: with its axes and pixel sizes.

    Args:
        image: `Image`.
        path: path of its file.
    """
    axes = image.axes
    order = "".join(axis for axis in "tzyx" if axis in axes)
    channel = "c" * ("c" in axes)
    wanted = order + channel if image.is_rgb else channel + order
    own = wanted[:-1] if image.is_rgb else wanted
    options = {
        "name": path.name,
        "rgb": image.is_rgb,
        "scale": [image.pixel_size.get(axis, 1.0) for axis in own],
        "units": [(image.unit or "pixel") if axis in image.pixel_size else "pixel" for axis in own],
        "axis_labels": tuple(own),
        "metadata": {PATH_KEY: os.path.abspath(path)},
    }
    data = np.asarray(image).transpose([axes.index(axis) for axis in wanted])
    return ImageLayer(data, options, wanted)
