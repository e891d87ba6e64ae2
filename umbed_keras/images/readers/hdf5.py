"""Datasets of HDF5 files, by h5py."""

import json
from typing import Any

import h5py
import numpy as np

from umbed_keras.images.image import AXES, Details, Image
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.views import NamedErrors

SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".ilp")


def split_dataset(text: str) -> tuple[str, str]:
    """Splits `"folder/file.h5/group/dataset"` into the file and the dataset in it.

    Args:
        text: path or address.

    Returns:
        The file, and the dataset; both as they are, the dataset empty, where there is no such
        suffix.

    Examples:
        >>> split_dataset("scan.h5/volume/raw")
        ('scan.h5', 'volume/raw')
        >>> split_dataset("photo.png")
        ('photo.png', '')
    """
    parts = text.replace("\\", "/").split("/")
    for index, part in enumerate(parts[:-1]):
        if part.lower().endswith(SUFFIXES):
            return "/".join(parts[: index + 1]), "/".join(parts[index + 1 :])
    return text, ""


def read_hdf5(location: Location, dataset: str = "", axes: str | None = None) -> Image:
    """Opens a dataset of an HDF5 file, of which windows are read.

    Args:
        location: location of the file.
        dataset: path of the dataset in the file; may be empty where there is but one.
        axes: axes of the dataset, where neither ilastik's axis tags nor its shape tell them.

    Raises:
        ValueError: if the file is broken, or `dataset` names none of its datasets.

    Examples:
        >>> with h5py.File("scan.h5", "w") as file:
        ...     file["raw"] = np.zeros((4, 5), "uint16")
        >>> read_hdf5(Location("scan.h5"), "raw").shape
        (4, 5)
    """
    try:
        file = h5py.File(location.handle(), "r")
    except OSError as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"{location} is no HDF5 file that can be read: {error}") from error
    names: list[str] = []
    file.visititems(
        lambda name, item: names.append(name) if _is_image(item) else None  # type: ignore[func-returns-value]
    )
    dataset = dataset.strip("/") or (names[0] if len(names) == 1 else "")
    # A link to a dataset is not listed, but may be asked for.
    if dataset not in names and not _is_image(file.get(dataset or "/")):
        listed = ", ".join(f"{name} {file[name].shape}" for name in names) or "no arrays"
        file.close()
        raise ValueError(
            f"Say which dataset of {location} to read, such as "
            f'"{location}/{names[0] if names else "dataset"}". It holds {listed}.'
        )
    item = file[dataset]
    name = f"{location}/{dataset}"
    details = _details(item)
    return Image(NamedErrors(item, name), axes or _axis_tags(item), details, name)


def _is_image(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and item.ndim >= 2 and item.dtype.kind in "biuf"


def _axis_tags(item: h5py.Dataset) -> str | None:
    """The axes that ilastik and vigra write beside a dataset, or the labels of its dimensions."""
    labels = [dimension.label.lower() for dimension in item.dims]
    if set("yx") <= set(labels) <= set(AXES) and len(set(labels)) == len(labels):
        return "".join(labels)
    try:
        tags = json.loads(item.attrs["axistags"])["axes"]
        return "".join(tag["key"] for tag in tags)
    except (KeyError, TypeError, ValueError):
        return None


def _details(item: h5py.Dataset) -> Details | None:
    """The number that NetCDF and other conventions write for missing pixels."""
    nodata = np.ravel(item.attrs.get("_FillValue", ()))
    if len(nodata) != 1 or nodata.dtype.kind not in "iuf":
        return None
    return Details(nodata=float(nodata[0]))
