"""Stores at addresses: written on this machine, and copied whole when they are complete."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from umbed_keras.extras import import_extra
from umbed_keras.stores.layout import ATTRIBUTE

# The file that makes a folder a Zarr node.
_ROOT = "zarr.json"


def write_remote(
    target: str, write: Callable[[Path], Any], client: Any = None, shard: Any = None
) -> Any:
    """Writes a store to an address that fsspec knows.

    The store grows in Keras's folder on this machine, where an interrupted call continues. When it
    is complete, it is copied, the file that makes it a store last, and removed here.

    Args:
        target: address of the store, such as `"s3://bucket/vectors.zarr"`.
        write: function that writes the store to a path, or finds it complete there.
        client, shard: as in `embed_store`; only None is allowed.

    Returns:
        The `zarr.Array` or `zarr.Group` at `target`, opened for reading.

    Raises:
        ValueError: if `client` or `shard` is not None, or `target` holds something else.
        ImportError: if the extras `remote` and `stores` are not installed.

    Examples:
        >>> import zarr
        >>> write = lambda path: zarr.create_array(
        ...     path, data=np.ones((4, 5)), attributes={"umbed_keras": {"complete": True}}
        ... )
        >>> write_remote("memory://bucket/ones.zarr", write).shape
        (4, 5)
    """
    system, path = import_extra("fsspec.core", "remote").url_to_fs(target)
    zarr = import_extra("zarr", "stores")
    if client is not None or shard is not None:
        raise ValueError(
            "`client` and `shard` need a `target` that all processes write to as files. "
            f"Received: target={target!r}"
        )
    path = path.rstrip("/")
    name = hashlib.sha256(target.rstrip("/").encode()).hexdigest()[:24]
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    staged = Path(home, "stores", "umbed_keras", name)
    is_there = system.exists(f"{path}/{_ROOT}")
    if is_there:
        root = system.cat_file(f"{path}/{_ROOT}")
        about = json.loads(root).get("attributes", {}).get(ATTRIBUTE, {})
        if not about.get("complete"):
            raise ValueError(f"`target`, {target}, holds something else.")
        # Of a complete store this file is enough to tell whether it is the same.
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        (staged / _ROOT).write_bytes(root)
    elif system.exists(path) and system.ls(path):
        raise ValueError(f"`target`, {target}, holds something else.")
    try:
        write(staged)
    except ValueError:
        if is_there:
            shutil.rmtree(staged, ignore_errors=True)
        raise
    if not is_there:
        files = sorted(file for file in staged.rglob("*") if file.is_file())
        for file in sorted(files, key=lambda file: file == staged / _ROOT):
            copy = f"{path}/{file.relative_to(staged).as_posix()}"
            system.makedirs(copy.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(file), copy)
    shutil.rmtree(staged, ignore_errors=True)
    return zarr.open(target, mode="r")
