"""Files of arrays, HDF5, read without trusting them."""

import contextlib

import h5py
import numpy as np


def write_arrays(path, arrays):
    """Writes arrays, by name, as `read_arrays` reads them."""
    with h5py.File(path, "w") as file:
        for name, part in sorted(arrays.items()):
            file[name] = part


def read_arrays(path):
    """The arrays that a file holds, by name; ValueError unless they are finite and plain."""
    with plain_arrays(path) as arrays:
        return {item.name[1:]: item[()] for item in arrays}


@contextlib.contextmanager
def plain_arrays(path):
    """The arrays of a file, checked; ValueError unless they are finite and plain."""
    try:
        with h5py.File(path) as file:
            arrays = list(_arrays_in(file, set()))
            # Before any is read.
            if sum(item.nbytes for item in arrays) > path.stat().st_size:
                raise ValueError(f"{path} holds arrays that are larger than the file.")
            for item in arrays:
                if not _is_finite(item):
                    raise ValueError(f"{path} holds NaN or infinite numbers in {item.name[1:]!r}.")
            yield arrays
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is no file of arrays: {error}") from error


def _arrays_in(group, seen):
    """The arrays in a group and the groups in it."""
    for name in group:
        # Links could lead to other files, or to what holds them.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.file.filename} holds the link {name!r}; it must not.")
        item = group[name]
        if item.id in seen:
            raise ValueError(f"{group.file.filename} holds {name!r} more than once.")
        seen.add(item.id)
        if isinstance(item, h5py.Group):
            yield from _arrays_in(item, seen)
        # What is compressed, sparse or elsewhere may be larger than the file.
        elif not _is_plain(item):
            raise ValueError(
                f"{group.file.filename} must hold uncompressed arrays of numbers; {name!r} is none."
            )
        else:
            yield item


def _is_plain(item):
    """Whether a dataset is an uncompressed array of numbers in the file itself."""
    whole = item.id.get_storage_size() == item.nbytes and not item.external
    return whole and (_is_bfloat16(item) or item.dtype.kind in "fiu")


def _is_bfloat16(item):
    """Whether a dataset is of bfloat16, which HDF5 knows as two bytes of anything."""
    return item.dtype.kind == "V" and item.dtype.itemsize == 2


def _is_finite(item):
    """Whether a plain array has no NaN and nothing infinite, nor what float32 has no room for."""
    values = item[()]
    if _is_bfloat16(item):
        # Infinities and NaN are the numbers whose exponent is all ones.
        return bool(np.all(values.view("uint16") & 0x7F80 != 0x7F80))
    with np.errstate(over="ignore"):
        return bool(np.isfinite(values.astype("float32")).all())
