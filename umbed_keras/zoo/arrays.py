"""Files of arrays, HDF5, deflated without loss and read without trusting them."""

import contextlib
import zlib

import h5py
import numpy as np

from umbed_keras.files import written_whole

# An array of a file takes no more than so many times the room that it has there: what shrinks
# further is stored as it is.
MAX_EXPANSION = 4
# What HDF5 has room for in one piece, in bytes.
MAX_DEFLATED = 1 << 32
# Of the format: short descriptions of arrays, which HDF5 reads from 1.10 (2016) on.
VERSIONS = ("v110", "v110")


def write_arrays(path, arrays):
    """Writes arrays, by name, as `read_arrays` reads them."""
    with h5py.File(path, "w", libver=VERSIONS) as file:
        for name, part in sorted(arrays.items()):
            _write(file, name, np.asarray(part))


def deflate_arrays(path):
    """Makes a file of arrays smaller; what it holds stays the same, bit for bit."""
    with (
        written_whole(path) as smaller,
        h5py.File(path) as old,
        h5py.File(smaller, "w", libver=VERSIONS) as new,
    ):
        _copy(old, new)


def _copy(old, new):
    """Copies a group of arrays and groups into another."""
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy(item, new.create_group(name))
        else:
            _write(new, name, item[()]).attrs.update(item.attrs)


def _write(group, name, values):
    """Stores an array, deflated if that makes it smaller, and not smaller than readers accept."""
    if values.ndim and 0 < values.nbytes < MAX_DEFLATED:
        # As HDF5 does: first bytes of all numbers, then all second ones, of which some are alike.
        planes = np.frombuffer(values.tobytes(), "uint8").reshape(-1, values.itemsize).T
        deflated = zlib.compress(planes.tobytes(), 9)
        if values.nbytes / MAX_EXPANSION <= len(deflated) < values.nbytes:
            layout = {"chunks": values.shape, "shuffle": True, "compression": "gzip"}
            item = group.create_dataset(name, values.shape, values.dtype, **layout)
            item.id.write_direct_chunk((0,) * values.ndim, deflated)
            return item
    return group.create_dataset(name, data=values)


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
            if sum(item.nbytes for item in arrays) > MAX_EXPANSION * path.stat().st_size:
                raise ValueError(
                    f"{path} holds arrays of more than {MAX_EXPANSION} times the file's size."
                )
            for item in arrays:
                if item.chunks and not _inflates(item):
                    raise ValueError(f"{path} holds {item.name[1:]!r}, deflated to another size.")
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
        # What is sparse or elsewhere may be larger than the file.
        elif not (_is_bfloat16(item) or item.dtype.kind in "fiu") or not _is_whole(item):
            raise ValueError(
                f"{group.file.filename} must hold whole arrays of numbers; {name!r} is none."
            )
        else:
            yield item


def _is_whole(item):
    """Whether a dataset is in the file itself, all of it, as it is or deflated in one piece."""
    if item.external or item.is_virtual:
        return False
    if item.chunks is None:
        return item.id.get_storage_size() == item.nbytes
    filters = item.id.get_create_plist()
    kinds = [filters.get_filter(place)[0] for place in range(filters.get_nfilters())]
    if kinds != [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] or item.chunks != item.shape:
        return False
    return item.nbytes <= MAX_EXPANSION * item.id.get_storage_size()


def _inflates(item):
    """Whether a deflated dataset has the size that it says."""
    mask, deflated = item.id.read_direct_chunk((0,) * item.ndim)
    if mask:
        return False
    try:
        # HDF5 would make room for whatever comes, a thousand times that of the file.
        return len(zlib.decompressobj().decompress(deflated, item.nbytes + 1)) == item.nbytes
    except zlib.error:
        return False


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
