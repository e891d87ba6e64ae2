"""The folder of results that the page offers, and the files that they are made of."""

import shutil
import zipfile
from pathlib import Path

from umbed_keras.apps.page.places import data_folder, free_path

# What says how far work is, and is nothing to take home.
_OWN = ("done.json",)


class Results:
    """Results of one run of the classifier over files; the next run replaces them.

    Args:
        name: name of the project.

    Attributes:
        folder: path of the folder of results.

    Examples:
        >>> import os
        >>> os.environ["XDG_DATA_HOME"] = str(Path.cwd())
        >>> results = Results("cells")
        >>> results.begin()
        >>> _ = (results.folder / "a.labels.png").write_bytes(b"")
        >>> results.files(), results.zipped().name
        (['a.labels.png'], 'cells results.zip')
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._home = data_folder() / "results" / name
        self.folder = self._home / "files"

    def begin(self) -> None:
        """Empties the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def clear_inbox(self) -> None:
        """Removes files that were sent before."""
        shutil.rmtree(self._home / "inbox", ignore_errors=True)

    def inbox_path(self, name: str) -> Path:
        """Returns where a file that is sent to be segmented is to lie.

        Args:
            name: its name.

        Raises:
            ValueError: if nothing is left of the name.
        """
        folder = self._home / "inbox"
        folder.mkdir(parents=True, exist_ok=True)
        return free_path(folder, name)

    def inbox(self) -> list[Path]:
        """Returns the files that were sent."""
        return sorted((self._home / "inbox").glob("*"))

    def files(self) -> list[str]:
        """Returns the paths of results below the folder."""
        found = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        names = [path.relative_to(self.folder).as_posix() for path in found]
        return [name for name in names if name not in _OWN and not name.startswith(".")]

    def path(self, name: str) -> Path:
        """Returns the path of a result.

        Args:
            name: one of `files()`.

        Raises:
            FileNotFoundError: if there is no such result.
        """
        if name not in self.files():
            raise FileNotFoundError(f"There is no result {name!r}.")
        return self.folder / name

    def zipped(self) -> Path:
        """Writes all results to one file, and returns its path."""
        target = self._home / f"{self.name} results.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name in self.files():
                archive.write(self.folder / name, name)
        return target
