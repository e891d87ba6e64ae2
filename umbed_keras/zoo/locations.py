"""Where presets are found: in the package, in a folder, on Hugging Face or on a web server."""

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import keras

from umbed_keras.extras import import_extra
from umbed_keras.files import present, written_whole
from umbed_keras.typing import PathLike
from umbed_keras.zoo.format import (
    CONFIG,
    FILES,
    KERAS,
    MAX_JSON,
    METADATA,
    NAME,
    WEIGHTS,
    check_files,
    is_whole,
    parse_json,
)
from umbed_keras.zoo.keras_files import is_keras_file

# Environment variable with the address of a web server's folder of presets.
VARIABLE = "UMBED_PRESETS_URL"
INDEX = "index.json"
HUGGING_FACE = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.+))?")
# How long a server may send nothing, and how long a JSON file may take.
SECONDS = 30
PIECE = 1 << 16


def presets_folder() -> Path:
    """Returns the folder of the built-in presets: in the package, or beside it in a checkout.

    Examples:
        >>> presets_folder().is_dir()
        True
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "_presets"
    return installed if installed.is_dir() else package.parent / "presets"


def builtin_presets() -> dict[str, Path]:
    """Returns name to folder of every built-in preset.

    Examples:
        >>> "natural_vae_d16" in builtin_presets()
        True
    """
    return presets_in(presets_folder())


def presets_in(folder: Path) -> dict[str, Path]:
    """Returns name to folder of every preset among the subfolders of a folder.

    Args:
        folder: `pathlib.Path` of the folder.

    Examples:
        >>> Path("zoo/mine").mkdir(parents=True)
        >>> _ = Path("zoo/mine/config.json").write_text("{}")
        >>> list(presets_in(Path("zoo")))
        ['mine']
    """
    folders = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{CONFIG}"))}
    return {name: path for name, path in folders.items() if NAME.fullmatch(name)}


def find_preset(handle: PathLike) -> Path:
    """Returns the folder of a preset, and downloads the preset if it is not on this machine.

    Args:
        handle: a `pathlib.Path` of a folder, or a str: the name of a built-in preset; a folder
            that holds a preset; a `.keras` file; `hf://org/repo[@revision][/subfolder]`;
            `https://host/path/preset`; or the name of a preset on the server in the environment
            variable `UMBED_PRESETS_URL`.

    Returns:
        Absolute `pathlib.Path` of the folder, or of the `.keras` file.

    Raises:
        ValueError: if there is no such preset.
        ValueError: if a downloaded file is not the one that the server's index or metadata state.
        OSError: if a server can't be reached and the preset was never downloaded.
        ImportError: if the handle starts with `hf://` and huggingface_hub is not installed.

    Examples:
        >>> find_preset("natural_vae_d16").name
        'natural_vae_d16'
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
        downloaded = _from_web(base, name, lambda: _files_in_metadata(base, name))
        assert downloaded is not None  # metadata list files, or raise
        return downloaded
    folder = present(handle)
    if (folder / CONFIG).is_file() or is_keras_file(folder):
        return folder
    base, names = os.environ.get(VARIABLE, "").rstrip("/"), list(builtin)
    if base and NAME.fullmatch(handle):

        def files_in_index():
            presets = read_index(base)
            names.extend(presets)
            return presets[handle]["files"] if handle in presets else None

        downloaded = _from_web(base, handle, files_in_index)
        if downloaded:
            return downloaded
    nearest = difflib.get_close_matches(handle, names, n=3, cutoff=0.4) or names
    raise ValueError(
        f"No preset {handle!r}: it is neither a name, a folder with a {CONFIG}, a {KERAS} file, "
        f"hf://... nor https://... Nearest names: {', '.join(nearest)}."
    )


def lasting_handle(handle: PathLike) -> str:
    """Returns a handle that means the same preset in every working directory.

    Args:
        handle: str or path, as `find_preset` takes it.

    Returns:
        The handle, or the absolute path of a folder or file.

    Examples:
        >>> lasting_handle("natural_vae_d16")
        'natural_vae_d16'
        >>> Path("mine").mkdir()
        >>> Path(lasting_handle("mine")).is_absolute()
        True
    """
    known = isinstance(handle, str) and (handle in builtin_presets() or not Path(handle).exists())
    return str(handle) if known else os.path.abspath(handle)


def split_hugging_face_handle(handle: str) -> tuple[str, str | None, str]:
    """Splits `hf://org/repo[@revision][/subfolder]` into its parts.

    Args:
        handle: str.

    Returns:
        Tuple of the repository, the revision or None, and the subfolder or "".

    Raises:
        ValueError: if the handle has another form.

    Examples:
        >>> split_hugging_face_handle("hf://me/zoo@v1/small")
        ('me/zoo', 'v1', 'small')
    """
    parts = HUGGING_FACE.fullmatch(handle)
    if not parts or {".", ".."} & set((parts[3] or "").split("/")):
        raise ValueError(
            f"A handle of Hugging Face is hf://org/repo[@revision][/subfolder]. Received: {handle}"
        )
    return parts[1], parts[2], (parts[3] or "").strip("/")


def read_index(base: str) -> dict[str, dict[str, Any]]:
    """Reads the index of a web server's folder of presets.

    Args:
        base: str, address of the folder, without a slash at the end.

    Returns:
        Name to entry, as `index_presets` writes them. Names and `files` are checked.

    Raises:
        ValueError: if the index is missing or not valid.
        OSError: if the server can't be reached.

    Examples:
        >>> folder = presets_folder().as_uri()
        >>> read_index(folder)["natural_vae_d16"]["class"]
        'PixelEmbedder'
    """
    address = f"{base}/{INDEX}"
    presets = parse_json(_read(address), address).get("presets")
    if not isinstance(presets, dict):
        raise ValueError(f"{address} has no `presets`.")
    for name, entry in presets.items():
        if not NAME.fullmatch(name) or not isinstance(entry, dict):
            raise ValueError(f"{address} has no proper entry {name!r}.")
        check_files(entry.get("files"), address)
    return presets


def _from_hugging_face(handle):
    repository, revision, subfolder = split_hugging_face_handle(handle)
    prefix = f"{subfolder}/" if subfolder else ""
    hub = import_extra("huggingface_hub", "hub")
    folder = hub.snapshot_download(
        repository, revision=revision, allow_patterns=[prefix + name for name in FILES]
    )
    return Path(folder) / subfolder


def _files_in_metadata(base: str, name: str) -> dict[str, Any]:
    """The files that a preset's metadata on a server list, and the metadata itself."""
    address = f"{base}/{name}/{METADATA}"
    text = _read(address)
    files: Any = parse_json(text, address).get("files")
    check_files(files, address)
    return {
        **files,
        METADATA: {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()},
    }


def _from_web(base: str, name: str, list_files: Callable[[], dict[str, Any] | None]) -> Path | None:
    """Returns the folder of a preset on a server, downloaded unless the newest version is here.

    Args:
        base: str, address of the folder that contains the preset.
        name: str, name of the preset.
        list_files: function that asks the server for the preset's files, name to entry, and
            returns None if the server has no such preset. If the server can't be reached, the
            version that was downloaded last is used.

    Returns:
        `pathlib.Path` of the folder, or None if `list_files` returned None.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} can't be the name of a preset.")
    home = _cache_folder() / name
    # Holds the name of the folder of the last complete version from this server.
    latest = home / f".{hashlib.sha256(base.encode()).hexdigest()[:16]}"
    try:
        files = list_files()
    except OSError:
        if latest.is_file() and (home / latest.read_text()).is_dir():
            return home / latest.read_text()
        raise
    if files is None:
        return None
    missing = [name for name in (CONFIG, WEIGHTS) if name not in files]
    if missing:
        raise ValueError(f"{base}/{name} lacks {' and '.join(missing)}.")
    # Later versions of the package may add files that this one doesn't know.
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
    """Downloads files to a folder, except those that are complete there already."""
    folder.mkdir(exist_ok=True)
    for name, entry in files.items():
        if is_whole(folder, {name: entry}):
            continue
        print(f"Downloading {address}/{name}")
        progress = keras.utils.Progbar(entry["size"], unit_name="byte")
        # Not `keras.utils.get_file`: it has no timeout and no limit on the size.
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
    """The content of a JSON file on a server, bytes."""
    with _opened(address) as response:
        deadline, text = time.monotonic() + SECONDS, b""
        while len(text) <= MAX_JSON and (piece := _piece(response, address)):
            text += piece
            if time.monotonic() > deadline:
                raise OSError(f"{address} can't be reached: it is too slow")
    return text


def _opened(address):
    """The response of a server; OSError if it can't be reached, ValueError if it has no file."""
    try:
        return urllib.request.urlopen(address, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            raise ValueError(f"{address} does not exist: {error}") from error
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
