"""What the layers of napari are to a classifier: images with axes, and label images."""

from typing import Any

import numpy as np

from umbed_keras.images.image import Details, Image

# Axes that a layer may have, by its number of dimensions; the likeliest first.
_AXES = {
    2: ("yx",),
    3: ("zyx", "tyx", "cyx"),
    4: ("tzyx", "zcyx", "czyx", "tcyx", "ctyx"),
    5: ("tzcyx", "tczyx", "ctzyx"),
}
_COLOR_AXES = {2: ("yxc",), 3: ("zyxc", "tyxc"), 4: ("tzyxc",)}
# Under this name a layer's metadata hold the path of a file that napari did not open itself.
PATH_KEY = "umbed_keras_path"


def axes_choices(layer: Any) -> tuple[str, ...]:
    """Returns the axes that an image layer may have, the likeliest first.

    Args:
        layer: `napari.layers.Image`.

    Returns:
        Strings of `"t"`, `"z"`, `"c"`, `"y"` and `"x"`, as `umbed_keras.Image` takes them; those
        that the layer's own labels of axes name come first. Of an image in colours the last axis
        is `"c"`.

    Raises:
        ValueError: if the layer has more dimensions than have a meaning.
    """
    choices = (_COLOR_AXES if layer.rgb else _AXES).get(layer.ndim, ())
    if not choices:
        raise ValueError(
            f"The layer {layer.name!r} has {layer.ndim} dimensions, which have no meaning here: "
            "at most time, depth, channel, row and column do."
        )
    named = "".join(str(label).lower() for label in layer.axis_labels) + "c" * layer.rgb
    if sorted(named) in [sorted(choice) for choice in choices]:
        return (named, *(choice for choice in choices if choice != named))
    return choices


def layer_image(layer: Any, axes: str | None = None) -> Image:
    """Returns the `umbed_keras.Image` of an image layer, of which nothing is read yet.

    Args:
        layer: `napari.layers.Image`. Of several resolutions the first is used.
        axes: one of `axes_choices(layer)`; None takes the first.

    Raises:
        ValueError: if `axes` does not fit the layer, or its numbers are complex.
    """
    choices = axes_choices(layer)
    axes = choices[0] if axes is None else axes
    if axes not in choices:
        raise ValueError(
            f"The layer {layer.name!r} has {layer.ndim} dimensions, which can't be {axes!r}."
        )
    data = layer.data[0] if layer.multiscale else layer.data
    if np.dtype(data.dtype).kind not in "biuf":
        raise ValueError(f"The layer {layer.name!r} holds no real numbers, but {data.dtype}.")
    known = [str(unit) for unit in layer.units]
    sizes = dict(zip(axes, layer.scale, strict=False))  # colours have no scale
    pixel_size = {axis: float(sizes[axis]) for axis in "zyx" if axis in sizes}
    unit = known[axes.index("x")]
    if unit == "pixel":
        unit = None
        if set(pixel_size.values()) == {1.0}:
            pixel_size = {}
    alpha = 3 if layer.rgb and data.shape[-1] == 4 else None
    details = Details(pixel_size=pixel_size, unit=unit, is_rgb=bool(layer.rgb), alpha=alpha)
    return Image(data, axes, details, name=layer.name)


def label_shape(image: Image) -> tuple[int, ...]:
    """Returns the shape of a label image of an image: its own without the channels."""
    return tuple(size for axis, size in image.sizes.items() if axis != "c")


def layer_labels(layer: Any, image: Image) -> np.ndarray:
    """Returns the labels of a labels layer, with the axes of an image but the channels.

    Args:
        layer: `napari.layers.Labels`, of the image's size. Where it has the axis of the channels,
            too, as layers that napari adds, a stroke in any channel counts.
        image: `Image`.

    Returns:
        int64 array, a copy, so that later strokes do not change it.

    Raises:
        ValueError: if the layer has another size.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    labels = np.array(data).astype("int64")
    shape = label_shape(image)
    # Channels of colours are no axis of a layer.
    if "c" in image.axes and not image.is_rgb and labels.shape == image.shape:
        labels = labels.max(axis=image.axes.index("c"))
    if labels.shape != shape:
        raise ValueError(
            f"The strokes {layer.name!r} have the shape {labels.shape}, and the image "
            f"{image.name!r} needs {shape}: add strokes by the button."
        )
    return labels


def transform_of(layer: Any, axes: str) -> dict[str, Any]:
    """Returns where layers of results lie, as arguments of `Viewer.add_labels`.

    Args:
        layer: the image layer.
        axes: its axes.
    """
    kept = [index for index, axis in enumerate(axes[: layer.ndim]) if axis != "c"]
    affine = layer.affine.affine_matrix
    rows = [*kept, layer.ndim]
    return {
        "scale": [layer.scale[index] for index in kept],
        "translate": [layer.translate[index] for index in kept],
        "units": [layer.units[index] for index in kept],
        "affine": affine[np.ix_(rows, rows)],
    }


def layer_path(layer: Any) -> str | None:
    """Returns the path of the file that an image layer shows, or None."""
    if layer is None:
        return None
    path = layer.metadata.get(PATH_KEY) or layer.source.path
    return None if path is None else str(path)


def layer_view(layer: Any, image: Image) -> tuple[slice, slice]:
    """Returns the rows and columns of an image that the viewer shows.

    Args:
        layer: the image layer.
        image: its `Image`.
    """
    corners = np.asarray(layer.corner_pixels)
    rows, cols = (image.axes.index(axis) for axis in "yx")
    return (
        slice(int(corners[0, rows]), int(corners[1, rows]) + 1),
        slice(int(corners[0, cols]), int(corners[1, cols]) + 1),
    )
