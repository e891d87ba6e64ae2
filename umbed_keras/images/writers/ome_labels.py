"""Label images in the `labels` group of an OME-Zarr image."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.images.image import Image


def is_ome_label(path: Path) -> bool:
    """Returns whether a path names a label image of an OME-Zarr image.

    Args:
        path: path.

    Examples:
        >>> is_ome_label(Path("cells.ome.zarr/labels/nuclei")), is_ome_label(Path("cells.png"))
        (True, False)
    """
    return path.parent.name == "labels" and path.parent.parent.suffix.lower() == ".zarr"


def write_ome_labels(
    path: Path, numbers: np.ndarray, like: Image | None, colors: Mapping[int, Sequence[int]]
) -> None:
    """Writes a label image to an OME-Zarr image, whole or not at all (OME-NGFF 0.4 or 0.5).

    Args:
        path: path of the label image, `image.zarr/labels/NAME`.
        numbers: integers with the axes of the image but the channels.
        like: `Image` that was labelled, of which axes, pixel sizes and unit are taken.
        colors: each class to its red, green and blue.

    Raises:
        ValueError: if there is no OME-Zarr image.

    Examples:
        >>> import zarr
        >>> _ = zarr.create_group("a.zarr", attributes={"ome": {"version": "0.5"}})
        >>> numbers = np.array([[0, 7]], "uint8")
        >>> write_ome_labels(Path("a.zarr/labels/cells"), numbers, None, {7: (255, 0, 0)})
        >>> zarr.open("a.zarr/labels/cells/0")[:].tolist()
        [[0, 7]]
    """
    zarr = import_extra("zarr", "images")
    folder = path.parent.parent
    try:
        root = zarr.open_group(folder, mode="r+")
    except (FileNotFoundError, zarr.errors.GroupNotFoundError) as error:
        raise ValueError(f"`path` must lie in an OME-Zarr image. {folder} is none.") from error
    is_new = "ome" in root.attrs
    options = {"zarr_format": 3 if is_new else 2}
    letters = like.axes.replace("c", "") if like is not None else "tzyx"[-numbers.ndim :]
    sizes = like.pixel_size if like is not None else {}
    unit = {"unit": like.unit} if like is not None and like.unit else {}
    kinds = {"t": {"type": "time"}, **{axis: {"type": "space", **unit} for axis in "zyx"}}
    scale = {"type": "scale", "scale": [sizes.get(axis, 1.0) for axis in letters]}
    multiscales = [
        {
            "axes": [{"name": axis, **kinds[axis]} for axis in letters],
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            **({} if is_new else {"version": "0.4"}),
        }
    ]
    drawn = [{"label-value": value, "rgba": [*color, 255]} for value, color in colors.items()]
    about = {"multiscales": multiscales, "image-label": {"colors": drawn}}
    about["image-label"]["source"] = {"image": "../../"}
    # Made under another name, so that a reader never finds half of it.
    new = path.with_name(f".{path.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    names = root.require_group("labels")
    attributes = {"ome": {"version": "0.5", **about}} if is_new else about
    group = zarr.create_group(new, attributes=attributes, **options)
    chunks = tuple(min(side, 1024) for side in numbers.shape)
    # Zarr 2 has no names of dimensions.
    named = {"dimension_names": list(letters)} if is_new else {}
    group.create_array("0", data=numbers, chunks=chunks, **named)
    shutil.rmtree(path, ignore_errors=True)
    os.replace(new, path)
    listed = (
        names.attrs.get("ome", {}).get("labels", []) if is_new else names.attrs.get("labels", [])
    )
    listed = [*dict.fromkeys([*listed, path.name])]
    if is_new:
        names.attrs["ome"] = {"version": "0.5", "labels": listed}
    else:
        names.attrs["labels"] = listed
