"""A folder that is replaced whole or not at all."""

import contextlib
import shutil
from pathlib import Path


@contextlib.contextmanager
def replaced(folder):
    """An empty folder to fill, which then takes the place of `folder` and all that is in it.

    Whenever the process ends, even by `kill -9`, `recovered` finds either the old folder or the
    new one, complete. One process at a time may replace a folder.

    Args:
        folder: path, which need not exist.
    """
    folder = recovered(folder)
    new, old = _beside(folder, "new"), _beside(folder, "old")
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        recovered(folder)
        for left_over in (new, old):
            shutil.rmtree(left_over, ignore_errors=True)


def recovered(folder):
    """The absolute path of a folder, put back if a replacement was cut off halfway."""
    folder = Path(folder).resolve()
    old = _beside(folder, "old")
    # Only between two renames is there an old folder and none in its place.
    if not folder.exists() and old.is_dir():
        with contextlib.suppress(FileNotFoundError):  # another process may put it back first
            old.rename(folder)
    return folder


def _beside(folder, kind):
    return folder.with_name(f".{folder.name}.{kind}")
