"""Paths that users type."""

import errno
import os
from pathlib import Path


def check_exists(path: Path) -> None:
    """Checks that there is a file or folder of a path.

    Args:
        path: path, which may go on within an HDF5 file.

    Raises:
        FileNotFoundError: if there is none.

    Examples:
        >>> check_exists(Path("none.png"))
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'none.png'
    """
    if not any(part.is_file() for part in path.parents) and not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
