"""Where the page keeps its files."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

SUFFIX = ".umbed"


def data_folder() -> Path:
    """Returns the folder in which the page keeps what has no other place.

    Examples:
        >>> data_folder().name
        'umbed_keras'
    """
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "umbed_keras"


def project_path(paths: Sequence[Path]) -> Path:
    """Returns where the project of some files lies, or is to lie.

    Args:
        paths: a project, or images and folders of images; the project then lies beside the first,
            or, if that folder can't be written to, in `data_folder()`, as it does without any.

    Raises:
        ValueError: if there are several projects.

    Examples:
        >>> Path("photos").mkdir()
        >>> project_path([Path("photos")]).as_posix(), project_path([Path("a.umbed")]).name
        ('photos/project.umbed', 'a.umbed')
    """
    projects = [path for path in paths if path.suffix == SUFFIX]
    if len(projects) > 1:
        raise ValueError("Only one project can be opened at a time.")
    if projects:
        return projects[0]
    if not paths:
        return data_folder() / f"project{SUFFIX}"
    first = paths[0]
    is_folder = first.is_dir() and first.suffix.lower() != ".zarr"
    path = (first if is_folder else first.parent) / f"project{SUFFIX}"
    if not path.exists() and not os.access(path.parent, os.W_OK):
        path = data_folder() / f"{path.parent.resolve().name}{SUFFIX}"
    return path


def free_path(folder: Path, name: str) -> Path:
    """Returns a path in a folder that does not exist yet.

    Args:
        folder: path of the folder.
        name: name of a file as somebody else calls it, of which the last part counts. Another
            number is added if it is taken.

    Raises:
        ValueError: if nothing is left of the name.

    Examples:
        >>> free_path(Path("."), "../../secret/cells.tif").as_posix()
        'cells.tif'
        >>> free_path(Path("."), "..")
        Traceback (most recent call last):
        ValueError: '..' is no name of a file.
    """
    safe = re.sub(r"[^\w.()+ -]", "_", name.replace("\\", "/").rsplit("/", 1)[-1]).lstrip(". ")
    if not safe:
        raise ValueError(f"{name!r} is no name of a file.")
    path, number = folder / safe, 2
    while path.exists():
        path = folder / f"{Path(safe).stem}-{number}{Path(safe).suffix}"
        number += 1
    return path
