"""Format of preset folders: names of files, JSON and checksums.

A preset has the layout of KerasHub: `config.json`, a Keras configuration; `metadata.json`;
`model.weights.h5`. It may also hold `codec.h5`, the tables of the entropy coder; `README.md`, the
card; and `figure.png`, a figure of the card.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from umbed_keras.version import __version__

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
CODEC = "codec.h5"
# Suffix of the files that `model.save` writes, which hold the same models.
KERAS = ".keras"
CARD, FIGURE = "README.md", "figure.png"
FILES = (CONFIG, METADATA, WEIGHTS, CODEC, CARD, FIGURE)
# Largest size of a JSON file, in bytes, and of the configuration of a model with a large network.
MAX_JSON, MAX_CONFIG = 1 << 20, 1 << 22
# Names of presets, and of files in them.
NAME = re.compile(r"\w[\w.-]{0,99}")


def parse_json(text: str | bytes, source: str | Path, limit: int = MAX_JSON) -> dict[str, Any]:
    """Parses a JSON object.

    Args:
        text: str or bytes, the JSON text.
        source: str or path, where the text comes from; the start of error messages.
        limit: int, largest length of the text.

    Returns:
        The object, a dictionary.

    Raises:
        ValueError: if the text is longer than `limit`.
        ValueError: if the text is not JSON, or contains NaN or an infinite number.
        ValueError: if the text holds another value than an object.

    Examples:
        >>> parse_json('{"size": 3}', "index.json")
        {'size': 3}
    """

    def refuse(constant):
        raise ValueError(f"{constant} is no number")

    if len(text) > limit:
        raise ValueError(f"{source} is larger than {limit:,} bytes.")
    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{source} must hold an object. Received: {type(value).__name__}")
    return value


def read_json(path: Path, limit: int = MAX_JSON) -> dict[str, Any]:
    """Reads a file that holds a JSON object.

    Args:
        path: `pathlib.Path` of the file.
        limit: int, largest size of the file, in bytes.

    Returns:
        The object, a dictionary.

    Raises:
        ValueError: if the content is not a JSON object of at most `limit` bytes.
        OSError: if the file can't be read.

    Examples:
        >>> _ = Path("config.json").write_text('{"size": 3}')
        >>> read_json(Path("config.json"))
        {'size': 3}
    """
    with path.open("rb") as file:
        return parse_json(file.read(limit + 1), path, limit)


def file_entry(path: Path) -> dict[str, Any]:
    """Returns the size and checksum of a file, as `metadata.json` and `index.json` list them.

    Args:
        path: `pathlib.Path` of the file.

    Returns:
        Dictionary of `size`, int, in bytes, and `sha256`, str of hex digits.

    Examples:
        >>> _ = Path("config.json").write_text("{}")
        >>> entry = file_entry(Path("config.json"))
        >>> entry["size"], entry["sha256"][:8]
        (2, '44136fa3')
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"size": path.stat().st_size, "sha256": digest}


def is_whole(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
    """Returns whether a folder holds files of the given sizes and checksums.

    Args:
        folder: `pathlib.Path` of the folder.
        files: name to entry, as `file_entry` returns it.

    Examples:
        >>> _ = Path("config.json").write_text("{}")
        >>> is_whole(Path("."), {"config.json": file_entry(Path("config.json"))})
        True
    """
    return all(
        (folder / name).is_file() and file_entry(folder / name) == entry
        for name, entry in files.items()
    )


def check_files(files: Any, source: str | Path) -> None:
    """Checks the entry `files` of `metadata.json` or `index.json`.

    Args:
        files: the value, which should map names of files to `size` and `sha256`.
        source: str or path, where the value comes from; part of error messages.

    Raises:
        ValueError: if `files` is not a dictionary.
        ValueError: if a name is not that of a file in the folder itself.
        ValueError: if an entry lacks a valid size or checksum, or has other keys.

    Examples:
        >>> check_files({"config.json": {"size": 2, "sha256": "0" * 64}}, "metadata.json")
        >>> check_files({"../config.json": {"size": 2, "sha256": "0" * 64}}, "metadata.json")
        Traceback (most recent call last):
        ValueError: `files` of metadata.json names '../config.json', which is no file's plain name.
    """
    if not isinstance(files, dict):
        raise ValueError(f"`files` of {source} must be an object.")
    for name, entry in files.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"`files` of {source} names {name!r}, which is no file's plain name.")
        known = isinstance(entry, dict) and set(entry) == {"size", "sha256"}
        if not (
            known
            and isinstance(entry["size"], int)
            and entry["size"] >= 0
            and re.fullmatch("[0-9a-f]{64}", str(entry["sha256"]))
        ):
            raise ValueError(f"`files` of {source} must give size and SHA-256 of {name!r}.")


def newer_version_hint(metadata: Mapping[str, Any]) -> str:
    """Returns a sentence for error messages about presets of a newer version.

    Args:
        metadata: dictionary, the content of `metadata.json`.

    Returns:
        A sentence that begins with a space, or "" if this version is as new as the preset.

    Examples:
        >>> newer_version_hint({"umbed_keras_version": "0.1.0"})
        ''
        >>> newer_version_hint({"umbed_keras_version": "99.0"})[:35]
        ' It was saved by umbed_keras 99.0, '
    """
    saved = str(metadata.get("umbed_keras_version", ""))[:32]
    ours, theirs = ([int(part) for part in re.findall(r"\d+", it)] for it in (__version__, saved))
    if theirs <= ours:
        return ""
    return (
        f" It was saved by umbed_keras {saved}, newer than this {__version__}: "
        "`pip install --upgrade umbed_keras` may read it."
    )
