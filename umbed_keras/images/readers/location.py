"""Where a file lies: a path of this machine, or an address that fsspec opens."""

import re
from pathlib import Path
from typing import Any, BinaryIO

from umbed_keras.extras import import_extra
from umbed_keras.typing import PathLike

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def is_address(path: PathLike) -> bool:
    """Returns whether a path is an address such as `s3://bucket/file.tif`.

    Examples:
        >>> is_address("memory://folder/image.tif"), is_address("C:/image.tif")
        (True, False)
    """
    return isinstance(path, str) and bool(_ADDRESS.match(path))


class Location:
    """A file or folder by path or address.

    Args:
        path: path, or address with a scheme that fsspec knows (`s3://`, `gs://`, `https://`,
            `memory://` and others), which needs the extra `remote`.

    Examples:
        >>> location = Location("photos/cat.TIF")
        >>> location.suffix, location.name, location.is_remote
        ('.tif', 'cat.TIF', False)
    """

    def __init__(self, path: PathLike):
        self.is_remote = is_address(path)
        self.text = str(path)
        self.path = None if self.is_remote else Path(path)

    def __str__(self) -> str:
        return self.text

    def __truediv__(self, name: str) -> "Location":
        if self.path is not None:
            return Location(self.path / name)
        return Location(f"{self.text.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.text.rstrip("/").rsplit("/", 1)[-1] if self.path is None else self.path.name

    @property
    def suffix(self) -> str:
        """The suffix in lower case, such as `".tif"`."""
        return Path(self.name).suffix.lower()

    def exists(self) -> bool:
        """Returns whether there is such a file or folder."""
        return self._system.exists(self.text) if self.path is None else self.path.exists()

    def is_folder(self) -> bool:
        """Returns whether it is a folder."""
        return self._system.isdir(self.text) if self.path is None else self.path.is_dir()

    def is_file(self) -> bool:
        """Returns whether it is a file."""
        return self._system.isfile(self.text) if self.path is None else self.path.is_file()

    def files(self) -> dict[str, dict[str, Any]]:
        """Returns what the file system of an address tells of the file, or of those in a folder.

        Returns:
            Dictionary from paths in the folder to dictionaries; the path of a single file is "".
        """
        system = self._system
        system.invalidate_cache()
        if not self.is_folder():
            return {"": system.info(self.text)}
        root = system._strip_protocol(self.text)
        files = {}
        for path, told in system.find(self.text, detail=True).items():
            # Lists of web servers name the files and nothing else.
            known = system.info(path) if told.get("size") is None else told
            files[path.removeprefix(root).strip("/")] = known
        return files

    def open(self) -> BinaryIO:
        """Opens the file for reading bytes.

        Raises:
            OSError: if it can't be read.
        """
        if self.path is None:
            return self._system.open(self.text, "rb")
        return self.path.open("rb")

    def handle(self) -> Any:
        """Returns what libraries open best: the path, or an open file where there is none."""
        return self.open() if self.path is None else self.path

    @property
    def _system(self) -> Any:
        return import_extra("fsspec.core", "remote").url_to_fs(self.text)[0]
