"""A folder that is replaced whole or not at all."""

import contextlib
import shutil
from pathlib import Path


@contextlib.contextmanager
def replaced(folder):
    """An empty folder to fill, which then takes the place of `folder` and all that is in it.

    Whenever the process ends, even by `kill -9`, `present` finds either the old folder or the new
    one, complete. One process at a time may replace a folder.

    Args:
        folder: path, which need not exist.
    """
    folder = Path(folder).resolve()
    new, old = _beside(folder, "new"), _beside(folder, "old")
    _restore(folder, old)
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        _restore(folder, old)
        for left_over in (new, old):
            shutil.rmtree(left_over, ignore_errors=True)


def present(folder):
    """The absolute path at which a folder is to be read.

    That is beside its own if a replacement was cut off halfway. Reading moves nothing, so that it
    is in no writer's way.
    """
    folder = Path(folder).resolve()
    old = _beside(folder, "old")
    return old if old.is_dir() and not folder.exists() else folder


def _restore(folder, old):
    # Only between two renames is there an old folder and none in its place.
    if not folder.exists() and old.is_dir():
        old.rename(folder)


def _beside(folder, kind):
    return folder.with_name(f".{folder.name}.umbed_{kind}")
