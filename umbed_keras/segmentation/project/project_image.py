"""An image of a project, with its strokes."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from umbed_keras.images.content import content_digest, content_stamp
from umbed_keras.images.image import Image
from umbed_keras.images.read_image import read_image
from umbed_keras.images.readers.hdf5 import split_dataset
from umbed_keras.images.readers.location import is_address
from umbed_keras.typing import PathLike


@dataclass
class ProjectImage:
    """An image of a project: where it lies, what it holds, and its strokes.

    Attributes:
        path: absolute path of the file, or of a dataset in an HDF5 file.
        content: SHA-256 of the file.
        num_bytes: size of the file.
        sizes: axis to size, without the channels.
        axes: axes that were given because the file does not name its own, or None.
        series: which of several images in a file it is, or None.
        runs: index of a plane to its labels, as `runs_of` returns them.

    Examples:
        >>> np.save("cells.npy", np.zeros((20, 30), "uint16"))
        >>> image = ProjectImage.of_file("cells.npy")
        >>> image.name, image.sizes, image.is_present()
        ('cells.npy', {'y': 20, 'x': 30}, True)
    """

    path: Path
    content: str
    num_bytes: int
    sizes: Mapping[str, int]
    axes: str | None = None
    series: int | str | None = None
    runs: dict[tuple[int, ...], np.ndarray] = field(default_factory=dict)
    # Where and when the content was last seen to be the same.
    _checked: tuple[Path, tuple[int, int]] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_file(
        cls, path: PathLike, axes: str | None = None, series: int | str | None = None
    ) -> "ProjectImage":
        """Describes a file.

        Args:
            path, axes, series: as in `umbed_keras.read_image`.

        Raises:
            OSError: if there is no such file.
            ValueError: if it is no image that can be read, or lies on another machine.
        """
        if is_address(path):
            raise ValueError(f"`path` must be a file of this machine. Received: {path}")
        path = Path(os.path.abspath(path))
        image = read_image(path, axes, series)
        sizes = {axis: size for axis, size in image.sizes.items() if axis != "c"}
        stamp = content_stamp(path)
        self = cls(path, content_digest(path), stamp[0], sizes, axes, series)
        self._checked = (path, stamp)
        return self

    @property
    def key(self) -> str:
        """Text by which the project knows the image: its content, and which part of the file."""
        part = f"{self.content}\n{split_dataset(str(self.path))[1]}\n{self.series}"
        return hashlib.sha256(part.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.name

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """The sizes of the axes along which it is a stack of planes, in their order."""
        return tuple(size for axis, size in self.sizes.items() if axis in "tz")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.sizes["y"], self.sizes["x"]

    @property
    def num_labelled(self) -> int:
        """The number of labelled pixels."""
        return sum(int(runs[:, 1].sum()) for runs in self.runs.values())

    @property
    def classes(self) -> list[int]:
        """The sorted classes of its strokes."""
        return sorted({int(label) for runs in self.runs.values() for label in runs[:, 2]})

    def is_present(self) -> bool:
        """Returns whether the file is at its path, with the same content."""
        return self.is_at(self.path)

    def is_at(self, path: Path) -> bool:
        """Returns whether a file has the content of the image; files of that size are read once.

        Args:
            path: path of a file, or of a dataset in an HDF5 file.
        """
        try:
            stamp = content_stamp(path)
            if self._checked == (path, stamp):
                return True
            same = stamp[0] == self.num_bytes and content_digest(path) == self.content
        except OSError:
            return False
        if same:
            self._checked = (path, stamp)
        return same

    def open(self) -> Image:
        """Opens the image.

        Raises:
            FileNotFoundError: if the file is not there.
            ValueError: if it has other sizes than it had.
        """
        image = read_image(self.path, self.axes, self.series)
        sizes = {axis: size for axis, size in image.sizes.items() if axis != "c"}
        if sizes != dict(self.sizes):
            raise ValueError(f"{self.path} has changed: {sizes} in place of {dict(self.sizes)}.")
        return image
