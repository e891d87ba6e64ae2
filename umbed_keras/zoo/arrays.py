"""HDF5 files of arrays: compressed without loss, and read without trusting the file."""

import contextlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.typing import ArrayLike

# Largest ratio of an array's size to its size in the file. Arrays that compress better are stored
# uncompressed, and files with a larger ratio are refused.
MAX_EXPANSION = 4
# Largest chunk of HDF5, in bytes.
MAX_DEFLATED = 1 << 32
# Larger arrays are compressed quickly: a seventh of the time for 1 % more bytes.
LARGE = 1 << 20
# Version of the format: HDF5 1.10 (2016) and later read it, and describe arrays in few bytes.
VERSIONS = ("v110", "v110")


def write_arrays(path: Path, arrays: Mapping[str, ArrayLike]) -> None:
    """Writes arrays to a file, for `read_arrays`.

    Args:
        path: `pathlib.Path` of the file.
        arrays: name to array of numbers.

    Examples:
        >>> write_arrays(Path("codec.h5"), {"counts": np.arange(3)})
        >>> read_arrays(Path("codec.h5"))["counts"].tolist()
        [0, 1, 2]
    """
    with h5py.File(path, "w", libver=VERSIONS) as file:
        for name, part in sorted(arrays.items()):
            _write(file, name, np.asarray(part))


def deflate_arrays(path: Path) -> None:
    """Compresses the arrays of a file without loss.

    Args:
        path: `pathlib.Path` of the file, which is replaced.

    Examples:
        >>> with h5py.File("weights.h5", "w") as file:
        ...     file["kernel"] = np.random.default_rng(0).normal(size=10_000).astype("float16")
        >>> before = Path("weights.h5").stat().st_size
        >>> deflate_arrays(Path("weights.h5"))
        >>> Path("weights.h5").stat().st_size < before
        True
    """
    with (
        written_whole(path) as smaller,
        h5py.File(path) as old,
        h5py.File(smaller, "w", libver=VERSIONS) as new,
    ):
        _copy(old, new)


def _copy(old, new):
    """Copies the arrays and groups of a group to another one."""
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy(item, new.create_group(name))
        else:
            _write(new, name, item[()]).attrs.update(item.attrs)


def _write(group, name, values):
    """Stores an array, compressed if that makes it smaller within `MAX_EXPANSION`."""
    if values.ndim and 0 < values.nbytes < MAX_DEFLATED:
        # The filters "shuffle" and "deflate" of HDF5: all first bytes, all second bytes, ...
        planes = np.frombuffer(values.tobytes(), "uint8").reshape(-1, values.itemsize).T
        deflated = zlib.compress(planes.tobytes(), 9 if values.nbytes < LARGE else 4)
        if values.nbytes / MAX_EXPANSION <= len(deflated) < values.nbytes:
            layout = {"chunks": values.shape, "shuffle": True, "compression": "gzip"}
            item = group.create_dataset(name, values.shape, values.dtype, **layout)
            item.id.write_direct_chunk((0,) * values.ndim, deflated)
            return item
    return group.create_dataset(name, data=values)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a file.

    Args:
        path: `pathlib.Path` of the file.

    Returns:
        Name to NumPy array; the name of an array in a group contains a slash.

    Raises:
        ValueError: if the file is not an HDF5 file of finite, plain arrays.

    Examples:
        >>> write_arrays(Path("codec.h5"), {"counts": np.arange(3)})
        >>> list(read_arrays(Path("codec.h5")))
        ['counts']
    """
    with plain_arrays(path) as arrays:
        return {item.name[1:]: item[()] for item in arrays}


@contextlib.contextmanager
def plain_arrays(path: Path) -> Iterator[list[h5py.Dataset]]:
    """Opens a file of arrays and checks them before any is read.

    Args:
        path: `pathlib.Path` of the file.

    Returns:
        A context manager that yields the `h5py.Dataset`s of the file, in all its groups.

    Raises:
        ValueError: if the file can't be read as HDF5.
        ValueError: if an array is not one of numbers, contains NaN or an infinite number, or is
            stored in another way than in one piece, deflated or not, in this file.
        ValueError: if the arrays are more than `MAX_EXPANSION` times as large as the file.

    Examples:
        >>> write_arrays(Path("codec.h5"), {"counts": np.arange(3)})
        >>> with plain_arrays(Path("codec.h5")) as arrays:
        ...     [array.shape for array in arrays]
        [(3,)]
    """
    try:
        with h5py.File(path) as file:
            arrays = list(_arrays_in(file, set()))
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
    """Yields the arrays in a group and its groups.

    Args:
        group: the `h5py.Group`.
        seen: set of the identifiers of the objects that came before.
    """
    for name in group:
        # Links could lead to other files, or back to a group that contains them.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.file.filename} holds the link {name!r}; it must not.")
        item = group[name]
        if item.id in seen:
            raise ValueError(f"{group.file.filename} holds {name!r} more than once.")
        seen.add(item.id)
        if isinstance(item, h5py.Group):
            yield from _arrays_in(item, seen)
        # Sparse arrays and those in other files may be larger than this file.
        elif not (_is_bfloat16(item) or item.dtype.kind in "fiu") or not _is_whole(item):
            raise ValueError(
                f"{group.file.filename} must hold whole arrays of numbers; {name!r} is none."
            )
        else:
            yield item


def _is_whole(item):
    """Returns whether a dataset is stored in the file itself, in one piece, deflated or not."""
    if item.external or item.is_virtual:
        return False
    if item.chunks is None:
        return item.id.get_storage_size() == item.nbytes
    filters = item.id.get_create_plist()
    kinds = [filters.get_filter(index)[0] for index in range(filters.get_nfilters())]
    if kinds != [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE] or item.chunks != item.shape:
        return False
    return item.nbytes <= MAX_EXPANSION * item.id.get_storage_size()


def _inflates(item):
    """Returns whether a deflated dataset inflates to its own size."""
    mask, deflated = item.id.read_direct_chunk((0,) * item.ndim)
    if mask:
        return False
    try:
        # HDF5 itself would inflate it whatever the size, up to a thousand times the file's.
        return len(zlib.decompressobj().decompress(deflated, item.nbytes + 1)) == item.nbytes
    except zlib.error:
        return False


def _is_bfloat16(item):
    """Returns whether a dataset is of bfloat16, which HDF5 stores as two opaque bytes."""
    return item.dtype.kind == "V" and item.dtype.itemsize == 2


def _is_finite(item):
    """Returns whether all numbers of an array are finite, also as float32."""
    values = item[()]
    if _is_bfloat16(item):
        # The exponent of infinities and NaN is all ones.
        return bool(np.all(values.view("uint16") & 0x7F80 != 0x7F80))
    with np.errstate(over="ignore"):
        return bool(np.isfinite(values.astype("float32")).all())
