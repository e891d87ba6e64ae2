"""NumPy's files: .npy as a memory map, .npz by the name of an array in it."""

import zipfile

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.readers.location import Location


def read_npy(location: Location, axes: str | None = None) -> Image:
    """Opens a .npy file, of which windows are read.

    Args:
        location: location of the file.
        axes: axes of the array, where its shape has no one meaning.

    Raises:
        ValueError: if the file holds no plain array, or one whose axes have no one meaning.

    Examples:
        >>> np.save("image.npy", np.zeros((4, 5)))
        >>> read_npy(Location("image.npy")).shape
        (4, 5)
    """
    if location.path is None:
        with location.open() as file:
            array = np.load(file, allow_pickle=False)
    else:
        array = np.load(location.path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{location} is no image that can be read: it holds several arrays.")
    return Image(_checked(array, str(location)), axes, name=str(location))


def read_npz(location: Location, axes: str | None = None, series: int | str | None = None) -> Image:
    """Reads an array of a .npz file.

    Args:
        location: location of the file.
        axes: axes of the array, where its shape has no one meaning.
        series: name or index of the array; None where there is but one.

    Raises:
        ValueError: if the file is broken, or holds several arrays and `series` names none.

    Examples:
        >>> np.savez("images.npz", first=np.zeros((4, 5)), second=np.zeros((6, 7)))
        >>> read_npz(Location("images.npz"), series="second").shape
        (6, 7)
    """
    with location.open() as file:
        try:
            arrays = np.load(file, allow_pickle=False)
            names = arrays.files
        except (zipfile.BadZipFile, AttributeError) as error:
            raise ValueError(f"{location} is no .npz file: {error}") from error
        if series is None and len(names) == 1:
            series = 0
        if isinstance(series, int) and series in range(len(names)):
            series = names[series]
        if series not in names:
            raise ValueError(
                f"{location} holds the arrays {names}: say which by `series`. "
                f"Received: series={series!r}"
            )
        name = f"{location}/{series}"
        return Image(_checked(arrays[series], name), axes, name=name)


def _checked(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} holds no numbers, but {array.dtype}.")
    return array
