"""Files and folders that are replaced as a whole or not at all.

The process may end at any moment, even by `kill -9`: a reader finds the old content or the new
content, never a part.
"""

import contextlib
import functools
import hashlib
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from umbed_keras.typing import PathLike

# Temporary files are called `.umbed_new-<machine>-<process id>-<random>`: hidden, and as a rule
# without a suffix by which programs that search a folder for images, events or JSON would find
# them.
_PREFIX = ".umbed_new"
# Seconds after which a temporary file of another machine counts as abandoned.
_ABANDONED = 24 * 3600


@contextlib.contextmanager
def written_whole(path: PathLike, suffix: str = "") -> Iterator[Path]:
    """Yields a temporary path to write to, which replaces a file when the block ends.

    The new content is flushed to the disk before it replaces the old one. If the block raises, the
    old file stays as it is and the temporary file is removed. A symbolic link is followed: the
    file that it leads to is replaced, and the link stays. The permissions of the old file are kept.
    Any number of processes may write the same file at once; the last one to finish wins.

    Temporary files of processes that were killed are removed when a process first writes to their
    folder.

    Args:
        path: path of the file, which may not exist yet. Its folder must exist.
        suffix: end of the temporary file's name, for writers that ask for one, such as ".keras".

    Returns:
        A context manager that yields the temporary path, a `pathlib.Path` of an empty file in the
        same folder.

    Raises:
        FileNotFoundError: if the folder does not exist.
        PermissionError: if no file can be created in the folder.
        OSError: if the path leads to something that is not a regular file, such as a folder or a
            device.

    Examples:
        >>> with written_whole("settings.json") as temporary:
        ...     _ = temporary.write_text("{}")
        >>> Path("settings.json").read_text()
        '{}'
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        raise OSError(f"{str(path)!r} can't be replaced: it is not a regular file.")
    temporary = _created_beside(target, suffix)
    _remove_abandoned(target.parent)
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        _flush(temporary)
        os.replace(temporary, target)
        _flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _created_beside(target, suffix):
    """Creates an empty temporary file in the folder of a target."""
    name = f"{_PREFIX}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"
    temporary = target.with_name(name)
    try:
        temporary.open("x").close()
    except OSError as error:
        message = f"{target.name!r} can't be written to this folder: {error.strerror}"
        raise OSError(error.errno, message, str(target.parent)) from error
    return temporary


@functools.lru_cache(maxsize=256)
def _remove_abandoned(folder):
    """Removes the temporary files of killed processes; searches each folder once a process."""
    for path in folder.glob(f"{_PREFIX}-*"):
        with contextlib.suppress(OSError, ValueError):
            _, machine, process, _ = path.name.split("-")
            # Process ids mean something on their own machine alone.
            ours = machine == _machine() and os.name == "posix"
            old = time.time() - path.stat().st_mtime > _ABANDONED
            if old or (ours and not _is_running(int(process))):
                path.unlink()


def _is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@functools.cache
def _machine():
    """Eight hex digits that processes share if they see each other's process ids."""
    try:  # containers on one machine have process ids of their own
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        name = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _flush(path):
    """Flushes a file or a folder to the disk."""
    if os.name != "posix" and path.is_dir():  # Windows opens no folder
        return
    number = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def replaced(folder: PathLike) -> Iterator[Path]:
    """Yields an empty folder to fill, which replaces a folder and its content when the block ends.

    The new content is flushed to the disk first. If the block raises, the old folder stays as it
    is. Whenever the process ends, `present` finds either the old folder or the new one, complete.
    Only one process at a time may replace a folder.

    Args:
        folder: path of the folder, which may not exist yet. Missing parents are created.

    Returns:
        A context manager that yields the path of the empty folder, a `pathlib.Path`.

    Examples:
        >>> with replaced("preset") as new:
        ...     _ = (new / "config.json").write_text("{}")
        >>> [path.name for path in present("preset").iterdir()]
        ['config.json']
    """
    folder = Path(folder).resolve()
    new, old = _beside(folder, "new"), _beside(folder, "old")
    _restore(folder, old)
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        for path in (*new.rglob("*"), new):
            if not path.is_symlink():
                _flush(path)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        _flush(folder.parent)
    finally:
        _restore(folder, old)
        for left_over in (new, old):
            shutil.rmtree(left_over, ignore_errors=True)


def present(folder: PathLike) -> Path:
    """Returns the path at which the content of a folder is found.

    It differs from the folder's own path if a process was killed while it replaced the folder.
    Nothing is moved, so that reading disturbs no writer.

    Args:
        folder: path of the folder.

    Returns:
        An absolute `pathlib.Path`.

    Examples:
        >>> Path("preset").mkdir()
        >>> present("preset").name
        'preset'
    """
    folder = Path(folder).resolve()
    old = _beside(folder, "old")
    return old if old.is_dir() and not folder.exists() else folder


def _restore(folder, old):
    # Only between the two renames is there an old folder and no folder in its place.
    if not folder.exists() and old.is_dir():
        old.rename(folder)


def _beside(folder, kind):
    return folder.with_name(f".{folder.name}.umbed_{kind}")
