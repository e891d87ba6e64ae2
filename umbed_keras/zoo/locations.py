"""Where presets come from: built in, a folder, Hugging Face, or any web server."""

import difflib
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

import filelock
import keras

from umbed_keras.extras import import_extra
from umbed_keras.files import present, written_whole
from umbed_keras.zoo.format import (
    CONFIG,
    FILES,
    MAX_JSON,
    METADATA,
    NAME,
    WEIGHTS,
    checked_files,
    is_whole,
    parse_json,
)

VARIABLE = "UMBED_PRESETS_URL"
INDEX = "index.json"
HUGGING_FACE = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.+))?")
# How long a server may keep silent, and how long a small file may take.
SECONDS = 30
PIECE = 1 << 16


def presets_folder():
    """Where the built-in presets lie: in the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_presets"
    return installed if installed.is_dir() else package.parent / "presets"


def builtin_presets():
    """Name to folder of every built-in preset."""
    return presets_in(presets_folder())


def presets_in(folder):
    """Name to folder of every preset in a folder."""
    found = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{CONFIG}"))}
    return {name: path for name, path in found.items() if NAME.fullmatch(name)}


def find_preset(handle):
    """The folder of a preset, downloaded if need be.

    Args:
        handle: a path object, of a folder; or a str: the name of a built-in preset, a folder that
            holds one, `hf://org/repo[@revision][/subfolder]`, `https://host/path/preset`, or the
            name of a preset at the address in the environment variable `UMBED_PRESETS_URL`.

    Raises:
        ValueError: there is no such preset, or what came isn't what was promised.
        OSError: a server can't be reached, and nothing of the preset was downloaded before.
        ImportError: `hf://` without huggingface_hub.
    """
    if not isinstance(handle, str):
        return present(handle)
    builtin = builtin_presets()
    if handle in builtin:
        return builtin[handle]
    if handle.startswith("hf://"):
        return _from_hugging_face(handle)
    if handle.startswith(("https://", "http://")):
        base, _, name = handle.rstrip("/").rpartition("/")
        return _from_web(base, name, lambda: _promised_by_metadata(base, name))
    folder = present(handle)
    if (folder / CONFIG).is_file():
        return folder
    base, names = os.environ.get(VARIABLE, "").rstrip("/"), list(builtin)
    if base and NAME.fullmatch(handle):

        def promised():
            presets = read_index(base)
            names.extend(presets)
            return presets[handle]["files"] if handle in presets else None

        found = _from_web(base, handle, promised)
        if found:
            return found
    near = difflib.get_close_matches(handle, names, n=3, cutoff=0.4) or names
    raise ValueError(
        f"No preset {handle!r}: it is neither a name, a folder with a {CONFIG}, hf://... nor "
        f"https://... Nearest names: {', '.join(near)}."
    )


def hugging_face_parts(handle):
    """Repository, revision or None, and subfolder or "" of `hf://org/repo[@revision][/...]`."""
    parts = HUGGING_FACE.fullmatch(handle)
    if not parts or {".", ".."} & set((parts[3] or "").split("/")):
        raise ValueError(
            f"A handle of Hugging Face is hf://org/repo[@revision][/subfolder]. Received: {handle}"
        )
    return parts[1], parts[2], (parts[3] or "").strip("/")


def hugging_face():
    """The module `huggingface_hub`."""
    return import_extra("huggingface_hub", "hub")


def read_index(base):
    """The presets in the index at an address, a dictionary of name to entry, checked."""
    where = f"{base}/{INDEX}"
    presets = parse_json(_read(where), where).get("presets")
    if not isinstance(presets, dict):
        raise ValueError(f"{where} has no `presets`.")
    for name, entry in presets.items():
        if not NAME.fullmatch(name) or not isinstance(entry, dict):
            raise ValueError(f"{where} has no proper entry {name!r}.")
        checked_files(entry.get("files"), where)
    return presets


def _from_hugging_face(handle):
    repository, revision, subfolder = hugging_face_parts(handle)
    prefix = f"{subfolder}/" if subfolder else ""
    folder = hugging_face().snapshot_download(
        repository, revision=revision, allow_patterns=[prefix + name for name in FILES]
    )
    return Path(folder) / subfolder


def _promised_by_metadata(base, name):
    """The files that a preset's metadata names, and the metadata itself."""
    where = f"{base}/{name}/{METADATA}"
    text = _read(where)
    files = checked_files(parse_json(text, where).get("files"), where)
    return {
        **files,
        METADATA: {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()},
    }


def _from_web(base, name, promised):
    """The folder of a preset on a server, downloaded unless the newest is here already.

    Args:
        base: address of the folder that holds the preset's.
        promised: function that asks the server for the preset's files, as `checked_files` gives
            them, or None where it has no such preset. If it can't be reached, what was complete
            last will do.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of a preset.")
    home = _cache_folder() / name
    # Which folder was complete last, of this server.
    latest = home / f".{hashlib.sha256(base.encode()).hexdigest()[:16]}"
    try:
        files = promised()
    except OSError:
        if latest.is_file() and (home / latest.read_text()).is_dir():
            return home / latest.read_text()
        raise
    if files is None:
        return None
    missing = [name for name in (CONFIG, WEIGHTS) if name not in files]
    if missing:
        raise ValueError(f"{base}/{name} lacks {' and '.join(missing)}.")
    # A later version may bring files that this one doesn't know.
    files = {name: entry for name, entry in files.items() if name in FILES}
    version = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    if is_whole(home / version, files) and latest.is_file() and latest.read_text() == version:
        return home / version
    home.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(home / ".lock"):
        if not is_whole(home / version, files):
            shutil.rmtree(home / version, ignore_errors=True)
            _download(f"{base}/{name}", files, home / f".{version}")
            (home / f".{version}").rename(home / version)
        with written_whole(latest) as new:
            new.write_text(version)
    return home / version


def _download(address, files, folder):
    """Downloads files to a folder; those that came whole before are not asked for again."""
    folder.mkdir(exist_ok=True)
    for name, entry in files.items():
        if is_whole(folder, {name: entry}):
            continue
        print(f"Downloading {address}/{name}")
        progress = keras.utils.Progbar(entry["size"], unit_name="byte")
        # Not `keras.utils.get_file`: it waits for ever, and takes as much as a server sends.
        with _opened(f"{address}/{name}") as response, (folder / name).open("wb") as file:
            while file.tell() <= entry["size"] and (piece := _piece(response, address)):
                file.write(piece)
                progress.update(min(file.tell(), entry["size"]))
        if not is_whole(folder, {name: entry}):
            (folder / name).unlink()
            raise ValueError(
                f"{address}/{name} is not the file that was promised: its SHA-256 isn't "
                f"{entry['sha256']}. What was downloaded before is kept."
            )


def _read(address):
    """The bytes of a small file on a server."""
    with _opened(address) as response:
        deadline, text = time.monotonic() + SECONDS, b""
        while len(text) <= MAX_JSON and (piece := _piece(response, address)):
            text += piece
            if time.monotonic() > deadline:
                raise OSError(f"{address} can't be reached: it is too slow")
    return text


def _opened(address):
    try:
        return urllib.request.urlopen(address, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise ValueError(f"{address} can't be had: {error}") from error
        raise OSError(f"{address} can't be reached: {error}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise OSError(f"{address} can't be reached: {error}") from error


def _piece(response, address):
    """The next bytes of a response, none at its end."""
    try:
        return response.read1(PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise OSError(f"{address} can't be reached: {error}") from error


def _cache_folder():
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser().resolve()
    return home / "models" / "umbed_keras"
