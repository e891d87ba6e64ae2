"""Files of projects: JSON and arrays of integers in a zip, nothing that is executed."""

import hashlib
import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import check_runs
from umbed_keras.typing import PathLike

_FORMAT = "umbed_keras project"
_VERSION = 1
# Bytes that the JSON and the strokes of an image may have when they are unpacked.
_MAX_JSON, _MAX_STROKES = 1 << 26, 1 << 31
# What the readers of archives, arrays and JSON raise on other content.
_BROKEN = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_project(
    path: PathLike, header: Mapping[str, Any], images: Mapping[str, ProjectImage]
) -> None:
    """Writes a project to a file, whole or not at all.

    Paths of images are written as they are seen from the folder of the file, so that both may move
    together.

    Args:
        path: path of the file.
        header: classes and settings, as JSON knows them.
        images: the images, with their strokes.

    Raises:
        OSError: if the file can't be written.
        ValueError: if an image has more strokes than are read back: 67 million runs.

    Examples:
        >>> write_project("cells.umbed", {"classes": {}, "settings": {}}, {})
        >>> read_project("cells.umbed")
        ({'classes': {}, 'settings': {}}, {})
    """
    folder = Path(os.path.abspath(path)).parent
    listed = [
        {
            "path": _seen_from(folder, image.path),
            "content": image.content,
            "bytes": image.num_bytes,
            "sizes": dict(image.sizes),
            "axes": image.axes,
            "series": image.series,
        }
        for image in images.values()
    ]
    about = {"format": _FORMAT, "version": _VERSION, **header, "images": listed}
    with written_whole(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", json.dumps(about, indent=1, ensure_ascii=False))
        for number, image in enumerate(images.values()):
            rows = _rows_of(image)
            if rows.nbytes >= _MAX_STROKES:
                raise ValueError(f"{image.name} has too many strokes: {len(rows)} runs of labels.")
            with archive.open(f"strokes/{number}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, rows, (1, 0), allow_pickle=False)


def file_digest(path: PathLike) -> str | None:
    """Returns the SHA-256 of a file, or None if there is no such file.

    Args:
        path: path of the file.

    Raises:
        OSError: if the file can't be read.

    Examples:
        >>> _ = Path("empty.umbed").write_bytes(b"")
        >>> file_digest("empty.umbed")[:8], file_digest("none.umbed")
        ('e3b0c442', None)
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def read_project(path: PathLike) -> tuple[dict[str, Any], dict[str, ProjectImage]]:
    """Reads what `write_project` wrote.

    Args:
        path: path of the file.

    Returns:
        Classes and settings, and the images by their keys.

    Raises:
        ValueError: if the file has another format or a newer version, or is truncated or altered.
        OSError: if the file can't be read.

    Examples:
        >>> _ = Path("notes.umbed").write_text("something else")
        >>> read_project("notes.umbed")
        Traceback (most recent call last):
        ValueError: notes.umbed is no project, or is broken: File is not a zip file
    """
    folder, images = Path(os.path.abspath(path)).parent, {}
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            header = json.loads(_bytes(archive, "project.json", _MAX_JSON))
            if header.pop("format") != _FORMAT:
                raise ValueError("it has another format")
            version = header.pop("version")
            if version != _VERSION:
                raise ValueError(
                    f"it has version {version}, and this umbed_keras reads version {_VERSION}"
                )
            for number, entry in enumerate(header.pop("images")):
                image = _image(folder, entry)
                image.runs = _runs(archive, f"strokes/{number}.npy", image)
                images[image.key] = image
    except _BROKEN as error:
        raise ValueError(f"{path} is no project, or is broken: {error}") from error
    return header, images


def _seen_from(folder: Path, path: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()


def _image(folder: Path, entry: Mapping[str, Any]) -> ProjectImage:
    """The image of an entry of the JSON, without strokes."""
    path, content, sizes = entry["path"], entry["content"], entry["sizes"]
    axes, series = entry["axes"], entry["series"]
    known = isinstance(path, str) and isinstance(content, str) and isinstance(entry["bytes"], int)
    known &= axes is None or isinstance(axes, str)
    known &= series is None or isinstance(series, int | str)
    letters = set(sizes)
    proper = len(letters) == len(sizes) and {"y", "x"} <= letters <= set("tzyx")
    proper &= all(isinstance(size, int) and size > 0 for size in sizes.values())
    if not (known and proper and math.prod(sizes.values()) < 2**62):
        raise ValueError("an image is not described as images are")
    absolute = Path(os.path.abspath(folder / path))
    return ProjectImage(absolute, content, entry["bytes"], dict(sizes), axes, series)


def _rows_of(image: ProjectImage) -> np.ndarray:
    """The strokes of all planes, int64 `(runs, 4)`: the number of the plane, and a run."""
    parts = [np.zeros((0, 4), "int64")]
    for plane, runs in sorted(image.runs.items()):
        shape = image.plane_shape
        number = int(np.ravel_multi_index(plane, shape)) if shape else 0
        parts.append(np.column_stack([np.full(len(runs), number), runs]))
    return np.concatenate(parts)


def _runs(
    archive: zipfile.ZipFile, name: str, image: ProjectImage
) -> dict[tuple[int, ...], np.ndarray]:
    """The strokes of an image by planes."""
    size = archive.getinfo(name).file_size
    if size > _MAX_STROKES:
        raise ValueError(f"its strokes have {size} bytes, more than {_MAX_STROKES}")
    with archive.open(name) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("its strokes are no array")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
        # What is allocated has no more bytes than the archive says that there are.
        fits = dtype == np.int64 and len(shape) == 2 and shape[1] == 4 and not is_fortran
        if not fits or 32 * shape[0] >= size:
            raise ValueError("its strokes are no runs of labels")
        content = file.read(32 * shape[0])
        if len(content) != 32 * shape[0] or file.read(1):
            raise ValueError("its strokes are truncated")
    rows = np.frombuffer(content, dtype).reshape(shape).astype("int64")
    planes, runs = image.plane_shape, {}
    numbers = np.unique(rows[:, 0])
    if len(numbers) and not (numbers[0] >= 0 and numbers[-1] < math.prod(planes)):
        raise ValueError("its strokes lie outside of their image")
    for number in numbers.tolist():
        own = rows[rows[:, 0] == number, 1:]
        check_runs(own, math.prod(image.shape))
        plane = np.unravel_index(number, planes) if planes else ()
        runs[tuple(int(index) for index in plane)] = own
    return runs


def _bytes(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    size = archive.getinfo(name).file_size
    if size > most:
        raise ValueError(f"{name} has {size} bytes, more than {most}")
    with archive.open(name) as file:
        return file.read(most)
