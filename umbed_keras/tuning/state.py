"""The files by which a sweep goes on where it was cut off.

KerasTuner doesn't write its own whole or not at all, nor all of them at once.
"""

import json
import os
import shutil

import keras_tuner

from umbed_keras.files import present, replaced, written_whole

BACKUP, IDENTITY, ORACLE = "backup", "sweep.json", "oracle.json"


def back_up(directory):
    """Keeps copies of KerasTuner's files, which are whole now."""
    with replaced(directory / BACKUP) as new:
        for path in _states(directory):
            copy = new / path.relative_to(directory)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(path, copy)


def repair(directory):
    """Makes KerasTuner's files agree after a kill; nothing is lost but what ran at the time.

    Cut off itself, it does its work when called again.
    """
    states = _states(directory)
    broken = {path for path in states if not _is_whole(path)}
    if broken:
        backup = present(directory / BACKUP)
        copies = {directory / copy.relative_to(backup): copy for copy in _states(backup)}
        # The broken ones last: as long as there is one, all of this is done again.
        for path in sorted({*states, *copies}, key=lambda path: (path in broken, path)):
            if path in copies:
                path.parent.mkdir(exist_ok=True)
                _write(path, copies[path].read_text())
            else:
                path.unlink()
    if (directory / ORACLE).exists():
        # A trial is written before the list that it is in.
        started = json.loads((directory / ORACLE).read_text())["start_order"]
        for path in directory.glob("trial_*/trial.json"):
            if path.parent.name.removeprefix("trial_") not in started:
                path.unlink()
        # By this file, empty for our tuners, KerasTuner tells whether there is something to go on
        # with: another for a lone process than for a chief.
        own = directory / f"{os.environ.get('KERASTUNER_TUNER_ID', 'tuner0')}.json"
        if not own.exists():
            _write(own, "{}")


def check_identity(directory, hypermodel, **arguments):
    """Writes what a sweep is about when it begins, and compares when it goes on.

    Raises:
        ValueError: another sweep was begun in `directory`.
    """
    known = vars(keras_tuner.HyperModel())
    own = {name: value for name, value in vars(hypermodel).items() if name not in known}
    described = {"hypermodel": type(hypermodel).__qualname__, **own, **arguments}
    # As JSON knows it, and of what it doesn't know the type alone.
    text = json.dumps(
        described, default=lambda value: type(value).__qualname__, skipkeys=True, indent=1
    )
    path = directory / IDENTITY
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write(path, text)
        return
    before, now = json.loads(path.read_text()), json.loads(text)
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        differences = "; ".join(
            f"`{name}` was {before.get(name)!r}, is {now.get(name)!r}" for name in changed
        )
        raise ValueError(
            f"In `directory`, {directory}, another sweep was begun: {differences}. Pass another "
            "directory, or what was passed then."
        )


def _states(directory):
    """KerasTuner's files of a sweep and of its trials."""
    return sorted([*directory.glob("*.json"), *directory.glob("trial_*/trial.json")])


def _is_whole(path):
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True


def _write(path, text):
    with written_whole(path) as new:
        new.write_text(text)
