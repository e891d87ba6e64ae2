"""The images of an output folder that have results, and what these were made of."""

import json
from collections.abc import Sequence
from pathlib import Path

from umbed_keras.files import written_whole
from umbed_keras.segmentation.files.results import KINDS, SUFFIXES, result_path


class DoneImages:
    """The images of an output folder that have results, and what these were made of.

    It is kept in `done.json`: whoever interrupts the work finds no results of another classifier
    or of another content of an image among those that count.

    Args:
        folder: path of the output folder.

    Raises:
        ValueError: if `done.json` there is damaged.

    Examples:
        >>> done = DoneImages(Path("."))
        >>> done.add("cells", ["classifier 1", "image 1"])
        >>> DoneImages(Path(".")).has("cells", ["classifier 1", "image 1"])  # but no results
        False
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "done.json"
        try:
            self._origins = json.loads(self.path.read_text()) if self.path.exists() else {}
        except ValueError as error:
            raise ValueError(f"{self.path} is damaged, delete it: {error}") from error

    def has(self, name: str, origin: Sequence[str]) -> bool:
        """Returns whether an image has results of an origin.

        Args:
            name: name of the image.
            origin: texts that say what the results are made of.
        """
        written = all(
            any(result_path(self.folder, name, kind, suffix).exists() for suffix in SUFFIXES)
            for kind in KINDS
        )
        return written and self._origins.get(name) == list(origin)

    def forget(self, name: str) -> None:
        """Forgets the results of an image before others take their place.

        Args:
            name: name of the image.
        """
        if self._origins.pop(name, None) is not None:
            self._write()

    def add(self, name: str, origin: Sequence[str]) -> None:
        """Notes that all results of an image are written.

        Args:
            name, origin: as in `has`.
        """
        self._origins[name] = list(origin)
        self._write()

    def _write(self) -> None:
        with written_whole(self.path) as part:
            part.write_text(json.dumps(self._origins))
