"""The files with which an interrupted sweep goes on.

KerasTuner writes its own files neither atomically nor all at once.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

from umbed_keras.files import present, replaced, written_whole

BACKUP, IDENTITY, ORACLE = "backup", "sweep.json", "oracle.json"


def back_up(directory: Path) -> None:
    """Copies KerasTuner's files while they are complete.

    Args:
        directory: `pathlib.Path` of the sweep.

    Examples:
        >>> from pathlib import Path
        >>> Path("oracle.json").write_text("{}")
        2
        >>> back_up(Path("."))
        >>> [path.name for path in Path("backup").iterdir()]
        ['oracle.json']
    """
    with replaced(directory / BACKUP) as new:
        for path in _state_files(directory):
            copy = new / path.relative_to(directory)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(path, copy)


def repair(directory: Path) -> None:
    """Makes KerasTuner's files consistent after the process was killed.

    Only trials that were running are lost. If the repair itself is interrupted, the next call
    completes it.

    Args:
        directory: `pathlib.Path` of the sweep.

    Examples:
        >>> from pathlib import Path
        >>> Path("oracle.json").write_text('{"start_order": []}')
        19
        >>> back_up(Path("."))
        >>> Path("oracle.json").write_text('{"start_')
        8
        >>> repair(Path("."))
        >>> Path("oracle.json").read_text()
        '{"start_order": []}'
    """
    files = _state_files(directory)
    broken = {path for path in files if not _is_json(path)}
    if broken:
        backup = present(directory / BACKUP)
        copies = {directory / copy.relative_to(backup): copy for copy in _state_files(backup)}
        # Broken files come last: while there is one, the next call starts again from here.
        for path in sorted({*files, *copies}, key=lambda path: (path in broken, path)):
            if path in copies:
                path.parent.mkdir(exist_ok=True)
                _write(path, copies[path].read_text())
            else:
                path.unlink()
    if (directory / ORACLE).exists():
        # KerasTuner writes a trial before the list of trials.
        started = json.loads((directory / ORACLE).read_text())["start_order"]
        for path in directory.glob("trial_*/trial.json"):
            if path.parent.name.removeprefix("trial_") not in started:
                path.unlink()
        # KerasTuner resumes a sweep only if it has this file, which is empty for our tuners. A
        # chief's has another name than a single process's.
        own = directory / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if not own.exists():
            _write(own, "{}")


def check_identity(directory: Path, hypermodel: keras_tuner.HyperModel, **arguments: Any) -> None:
    """Writes the description of a new sweep, or compares it with that of the sweep to resume.

    Args:
        directory: `pathlib.Path` of the sweep.
        hypermodel: hypermodel, of which the class name and all attributes are compared.
        **arguments: further values to compare. Values unknown to JSON are compared by their type.

    Raises:
        ValueError: if `directory` holds another sweep.

    Examples:
        >>> from pathlib import Path
        >>> hypermodel = uk.tuning.PixelEmbedderHyperModel()
        >>> check_identity(Path("sweep"), hypermodel, epochs=2)
        >>> check_identity(Path("sweep"), hypermodel, epochs=2)
        >>> check_identity(Path("sweep"), hypermodel, epochs=3)
        Traceback (most recent call last):
        ValueError: `directory` ... holds another sweep: `epochs` was 2, is 3. ...
    """
    known = vars(keras_tuner.HyperModel())
    own = {name: value for name, value in vars(hypermodel).items() if name not in known}
    description = {"hypermodel": type(hypermodel).__qualname__, **own, **arguments}
    text = json.dumps(description, default=_plain, skipkeys=True, indent=1)
    path = directory / IDENTITY
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write(path, text)
        return
    before, now = json.loads(path.read_text()), json.loads(text)
    if "content" in now and "content" not in before:
        warnings.warn(
            f"The sweep in {directory} is of an earlier version, which did not note the content of "
            "its images: make sure that they are the same.",
            stacklevel=3,
        )
        del now["content"]
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        differences = "; ".join(
            f"`{name}` was {before.get(name)!r}, is {now.get(name)!r}" for name in changed
        )
        raise ValueError(
            f"`directory` {directory} holds another sweep: {differences}. Pass another directory, "
            "or the arguments of that sweep."
        )


def content_digest(*arrays: np.ndarray) -> str:
    """Computes the SHA-256 of the shapes, types and numbers of arrays.

    Args:
        *arrays: NumPy arrays.

    Examples:
        >>> images = np.zeros((2, 8, 8, 3), "uint8")
        >>> content_digest(images) == content_digest(images.copy())
        True
        >>> content_digest(images) == content_digest(images + 1)
        False
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        for part in array:
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Returns what stands for a value in JSON: the fields of a dataclass, or the type's name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return type(value).__qualname__


def _state_files(directory: Path) -> list[Path]:
    """Returns KerasTuner's files of a sweep and of its trials."""
    return sorted([*directory.glob("*.json"), *directory.glob("trial_*/trial.json")])


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    with written_whole(path) as new:
        new.write_text(text)
