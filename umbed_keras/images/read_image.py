"""The one reader of images: which library reads which file."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from umbed_keras.images.image import Image
from umbed_keras.images.readers.bioio_files import read_bioio
from umbed_keras.images.readers.dicom import SUFFIXES as DICOM
from umbed_keras.images.readers.dicom import read_dicom, read_dicom_series
from umbed_keras.images.readers.hdf5 import SUFFIXES as HDF5
from umbed_keras.images.readers.hdf5 import read_hdf5, split_dataset
from umbed_keras.images.readers.location import Location
from umbed_keras.images.readers.numpy_files import read_npy, read_npz
from umbed_keras.images.readers.pillow import read_pillow
from umbed_keras.images.readers.tiff import read_tiff
from umbed_keras.images.readers.zarr_arrays import is_zarr, read_zarr
from umbed_keras.typing import PathLike


@dataclass(frozen=True)
class Format:
    """A kind of image file.

    Attributes:
        suffixes: suffixes of its files, in lower case.
        library: library that reads it.
        read: function of a `Location` and of some of `axes`, `series`, `level`, `dataset` and
            `expand`.
        options: which of these it takes.

    Examples:
        >>> [kind.library for kind in FORMATS if ".npy" in kind.suffixes]
        ['NumPy']
    """

    suffixes: tuple[str, ...]
    library: str
    read: Callable[..., Image]
    options: tuple[str, ...] = ("axes",)


FORMATS = (
    Format(
        (
            ".tif",
            ".tiff",
            ".btf",
            ".tf2",
            ".tf8",
            ".lsm",
            ".svs",
            ".ndpi",
            ".qptiff",
            ".scn",
            ".bif",
            ".stk",
        ),
        "tifffile",
        read_tiff,
        ("axes", "series", "level", "expand"),
    ),
    Format((".npy",), "NumPy", read_npy),
    Format((".npz",), "NumPy", read_npz, ("axes", "series")),
    Format(HDF5, "h5py", read_hdf5, ("axes", "dataset")),
    Format((".zarr",), "zarr", read_zarr, ("axes", "series", "level")),
    Format(DICOM, "pydicom", read_dicom),
    Format(
        (
            ".png",
            ".jpg",
            ".jpeg",
            ".jpe",
            ".jfif",
            ".mpo",
            ".gif",
            ".bmp",
            ".dib",
            ".webp",
            ".avif",
            ".jp2",
            ".j2k",
            ".jpx",
            ".ppm",
            ".pgm",
            ".pbm",
            ".pnm",
            ".tga",
            ".ico",
            ".icns",
            ".psd",
            ".pcx",
            ".sgi",
            ".im",
            ".apng",
            ".dds",
            ".xbm",
            ".ras",
        ),
        "Pillow",
        read_pillow,
        ("axes", "expand"),
    ),
    Format(
        (".czi", ".nd2", ".lif", ".dv", ".sldy", ".oir", ".oib", ".oif", ".vsi", ".ims"),
        "BioIO",
        read_bioio,
        ("axes", "series"),
    ),
)
# Files of images that are refused, and what to do with them.
REFUSED = {
    (".fits", ".fit", ".fts"): "read it by `astropy.io.fits.getdata(path)` and pass the array to "
    '`umbed_keras.Image(array, axes="yx")`',
    (".nc", ".nc4"): "read a variable by xarray and pass its values to `umbed_keras.Image`",
    (".mat",): "read a variable by `scipy.io.loadmat` or h5py and pass it to `umbed_keras.Image`",
    (".mrc", ".nii", ".nrrd", ".mha", ".mhd"): "save it as TIFF, .npy or Zarr",
    (".heic", ".heif", ".jxl", ".jxr", ".jls", ".exr", ".hdr"): "save it as PNG or TIFF",
    (".gz", ".zip", ".7z", ".tar"): "unpack it",
}


def read_image(
    path: PathLike,
    axes: str | None = None,
    series: int | str | None = None,
    level: int = 0,
) -> Image:
    """Opens an image file of any kind, of which windows are read when they are asked for.

    Numbers are those of the file: nothing is scaled, and nothing rounded to 8 bits. Images come
    upright, palettes and inks as red, green and blue. `umbed_keras.Scaling` makes floats of the
    numbers.

    Args:
        path: path of a file, a Zarr folder, a folder of the slices of a DICOM series, or a dataset
            of an HDF5 file as `"file.h5/dataset"`; or an address that fsspec knows, such as
            `s3://bucket/file.tif` (extra `remote`).
        axes: one letter an axis, from `"t"`, `"z"`, `"c"`, `"y"` and `"x"`, for files that do not
            name their axes.
        series: index or name of one of several images in a file.
        level: level of a pyramid; 0 is the finest.

    Returns:
        `Image`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is broken or of a kind that is not read, if it holds several
            images and `series` names none, or if its axes have no one meaning.
        ImportError: if the library that reads it is not installed; the message names the pip
            command.

    Examples:
        >>> np.save("stack.npy", np.zeros((5, 40, 50), "uint16"))
        >>> image = uk.read_image("stack.npy", axes="zyx")
        >>> image
        Image('stack.npy', z: 5, y: 40, x: 50, dtype=uint16)
        >>> image.read(slice(0, 8), slice(0, 9), plane=(2,)).shape
        (8, 9, 1)
    """
    return open_image(path, axes, series, level)


def open_image(
    path: PathLike,
    axes: str | None = None,
    series: int | str | None = None,
    level: int = 0,
    expand: bool = True,
) -> Image:
    """Opens an image file as `read_image` does, or with the numbers of its palette.

    Args:
        path, axes, series, level: as in `read_image`.
        expand: whether palettes, inks and inverted grey become plain colours. False gives the
            numbers as they are stored, as for images of class numbers.

    Examples:
        >>> import PIL.Image
        >>> strokes = PIL.Image.new("P", (4, 3), 2)
        >>> strokes.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
        >>> strokes.save("strokes.png")
        >>> open_image("strokes.png", expand=False)[0, 0]
        array(2, dtype=uint8)
    """
    text, dataset = split_dataset(str(path))
    location = Location(text if dataset else path)
    if not location.exists():
        raise FileNotFoundError(f"There is no file {location}.")
    if location.is_folder():
        if is_zarr(location):
            return read_zarr(location, axes, series, level)
        return read_dicom_series(location, axes)
    options = {"axes": axes, "series": series, "level": level, "dataset": dataset}
    return _read(format_of(location), location, {**options, "expand": expand})


def _read(chosen: Format, location: Location, options: dict[str, Any]) -> Image:
    """The image of a file; whatever a library says of a broken one is a ValueError."""
    given = {name: options[name] for name in chosen.options}
    try:
        return chosen.read(location, **given)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # parsers fail in many ways
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if isinstance(error, ValueError) and location.name in str(error):
            raise
        raise ValueError(
            f"{location} is no image that can be read. {type(error).__name__}: {error}"
        ) from error


def format_of(location: Location) -> Format:
    """Returns the format of a file by its suffix.

    Args:
        location: location of the file.

    Raises:
        ValueError: if no format has its suffix.

    Examples:
        >>> format_of(Location("scan.ome.tif")).library
        'tifffile'
    """
    for chosen in FORMATS:
        if location.suffix in chosen.suffixes:
            return chosen
    for suffixes, advice in REFUSED.items():
        if location.suffix in suffixes:
            raise ValueError(f"{location} is of a kind that is not read: {advice}.")
    known = ", ".join(suffix for kind in FORMATS for suffix in kind.suffixes)
    raise ValueError(
        f"{location} has none of the suffixes of images that are read: save it as TIFF, PNG or "
        f".npy, or pass an array to `umbed_keras.Image`. Suffixes: {known}."
    )


def suffixes() -> tuple[str, ...]:
    """Returns the suffixes of all files that `read_image` reads.

    Examples:
        >>> ".czi" in suffixes()
        True
    """
    return tuple(suffix for chosen in FORMATS for suffix in chosen.suffixes)
