"""Zarr stores that are written tile by tile and can be interrupted at any moment."""

import contextlib
import glob
import itertools
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import filelock
import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.stores.layout import (
    ATTRIBUTE,
    DONE,
    PLAN,
    PROGRESS,
    Plan,
    Tile,
    check_same_identity,
    create_arrays,
    read_plan,
)
from umbed_keras.stores.ome_zarr import pool
from umbed_keras.typing import PathLike


class StoreError(OSError):
    """The error that a store can't be written to, for example because the disk is full.

    Examples:
        >>> issubclass(StoreError, OSError)
        True
    """


class TiledStore:
    """A Zarr array, or a group of arrays, that is written tile by tile.

    Each tile is written whole and then marked as done. Whenever a process ends, even by `kill -9`,
    `pending` lists the tiles that are left. A single array of a single image is the store itself.
    Others are in a group, by image, array and level of OME-Zarr.

    Args:
        path: path of a store that `begin` made.

    Examples:
        >>> from umbed_keras.stores.layout import Plan
        >>> plan = Plan({"model": "one"}, [("", 4, 8)], {"": ((), "float32")}, tile_size=4)
        >>> store = TiledStore.begin("vectors.zarr", plan)
        >>> first, second = store.pending()
        >>> store.write(first, np.ones((4, 4)))
        >>> store.pending() == [second]
        True
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path).resolve()
        self.plan = read_plan(self.path)

    @classmethod
    def begin(cls, path: PathLike, plan: Plan) -> Self | None:
        """Begins a store, or continues it with the tile size that it was begun with.

        Args:
            path: path that does not exist, or of an empty folder, or of a store begun with the
                same plan.
            plan: `Plan`.

        Returns:
            The `TiledStore`, or None if the store is complete.

        Raises:
            ValueError: if there is something else at `path`, or a store begun with another plan.
            ValueError: if the store was begun with larger tiles.
            OSError: if `path` can't be written to.
        """
        path = Path(path).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        if _is_complete(path, plan) and not (path / PROGRESS).exists():
            return None
        _check_free(path)
        with locked(path):
            if _is_complete(path, plan):
                _tidy(path)
                return None
            before = read_plan(path)
            if before is None:
                _check_free(path)
                plan.write(path)
            else:
                check_same_identity(path, before.identity, plan.identity)
                if before.tile_size > plan.tile_size:
                    raise ValueError(
                        f"`target`, {path}, was begun in tiles of {before.tile_size} pixels, and "
                        f"`memory_budget` is enough for {plan.tile_size} now: pass what was passed "
                        "then, or more."
                    )
                if (extended := before.extended(plan)) != before:
                    extended.write(path)
            store = cls(path)
            create_arrays(path, store.plan, 0)
        return store

    @contextlib.contextmanager
    def running(self, shard: tuple[int, int] = (0, 1)) -> Iterator[None]:
        """Reserves the tiles of a shard for this process while the block runs.

        Args:
            shard: as in `pending`.

        Returns:
            A context manager.

        Raises:
            RuntimeError: if another process works on some of these tiles.
        """
        own = _lock_file(self.path, "_{}_of_{}".format(*shard))
        with contextlib.ExitStack() as stack:
            with locked(self.path):
                for file in {own, *_lock_files(self.path, "_*_of_*")}:
                    number, count = map(int, re.findall(r"_(\d+)_of_(\d+)$", file.name)[0])
                    if file != own and count == shard[1]:
                        continue  # it has no tile in common with this shard
                    lock = filelock.FileLock(file)
                    try:
                        lock.acquire(timeout=0)
                    except filelock.Timeout:
                        raise RuntimeError(
                            f"`target`, {self.path}, is being written by another process (shard "
                            f"{number}/{count}). Let it end, or share the work by `workers` or "
                            "`shard`."
                        ) from None
                    if file == own:
                        stack.callback(lock.release)
                    else:
                        lock.release()
                if shard[1] == 1:
                    self._remove_partial_files()
            yield

    @contextlib.contextmanager
    def finishing(self) -> Iterator[bool]:
        """Reserves the store for what follows the last tile, while the block runs.

        At the end of the block the store is marked as complete, and files that are no part of it
        are removed, if all tiles of all levels and all images are written.

        Returns:
            A context manager that yields whether all tiles of level 0 are written and the store is
            not complete yet.
        """
        with locked(self.path):
            # Another shard may have added images.
            self.plan = read_plan(self.path) or self.plan
            yield self._is_begun and not self.pending()
            levels = range(self.plan.levels)
            pending = self.plan.has_missing_images or any(map(self.pending, levels))
            if self._is_begun and not pending:
                self._remove_partial_files()
                node = import_extra("zarr", "stores").open(self.path, mode="r+")
                attribute = {**node.attrs[ATTRIBUTE], **self.plan.identity, "complete": True}
                node.attrs[ATTRIBUTE] = attribute
                _tidy(self.path)

    def pending(self, level: int = 0, shard: tuple[int, int] = (0, 1)) -> list[Tile]:
        """Lists the tiles that are not written yet.

        Args:
            level: int, level of OME-Zarr.
            shard: ints `(i, n)`; only the i-th of n parts of the tiles is listed.

        Returns:
            List of `Tile`.
        """
        if not self._is_begun:
            return []
        done = set(os.listdir(self.path / PROGRESS / DONE))
        tiles = itertools.islice(self.plan.tiles(level), shard[0], None, shard[1])
        return [tile for tile in tiles if tile.name not in done]

    def is_done(self, tile: Tile) -> bool:
        """Returns whether a tile has been written.

        Args:
            tile: `Tile`.

        Returns:
            Bool.
        """
        return self._mark(tile).exists()

    def write(self, tile: Tile, values: np.ndarray | Mapping[str, np.ndarray]) -> None:
        """Writes a tile and marks it as done.

        Args:
            tile: `Tile`.
            values: array `(rows, cols, ...)`, or a dictionary of such arrays by the names of the
                plan's arrays.

        Raises:
            StoreError: if the disk is full, or the store can't be written to.
        """
        arrays = values if isinstance(values, Mapping) else {"": values}
        try:
            for name in self.plan.arrays:
                array = self._array(tile.image, name, tile.level)
                part = arrays[name].astype(array.dtype, copy=False)
                if self.plan.ome:
                    array[..., tile.rows, tile.cols] = np.moveaxis(part, (0, 1), (-2, -1))
                else:
                    array[(*tile.plane, tile.rows, tile.cols)] = part
            self._mark(tile).touch()
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error}") from error

    def pool(self, tile: Tile) -> dict[str, np.ndarray]:
        """Computes a tile of a level above 0 from the level below.

        Args:
            tile: `Tile`.

        Returns:
            Dictionary from the names of the plan's arrays to float32 arrays `(rows, cols, ...)`.
        """
        return {
            name: pool(self._array(tile.image, name, tile.level - 1), tile.rows, tile.cols)
            for name in self.plan.arrays
        }

    @property
    def _is_begun(self) -> bool:
        """Whether there is a plan; none is left when another shard has completed the store."""
        return (self.path / PROGRESS / PLAN).exists()

    def _mark(self, tile: Tile) -> Path:
        return self.path / PROGRESS / DONE / tile.name

    def _array(self, image: int, name: str, level: int) -> Any:
        """Returns the Zarr array, created if it does not exist."""
        path = self.path / self.plan.node_path(image, name, level)
        if not (path / "zarr.json").exists():
            create_arrays(self.path, self.plan, image)
        return import_extra("zarr", "stores").open_array(path, mode="r+")

    def _remove_partial_files(self) -> None:
        """Removes files that Zarr did not finish writing."""
        for path in self.path.rglob("*.partial"):
            path.unlink(missing_ok=True)


def stored_identity(path: PathLike) -> dict[str, Any]:
    """Returns the identity that a store was begun with.

    Args:
        path: path of a store, complete or not.

    Returns:
        The `identity` of its `Plan`; an empty dictionary if there is no store.

    Examples:
        >>> stored_identity("nothing.zarr")
        {}
    """
    plan = read_plan(path)
    return plan.identity if plan else _attribute(Path(path))


def locked(path: PathLike) -> filelock.BaseFileLock:
    """Returns a lock that keeps other processes from beginning or finishing a store.

    Args:
        path: path of the store.

    Returns:
        A context manager.

    Examples:
        >>> with locked("vectors.zarr"):
        ...     pass
    """
    return filelock.FileLock(_lock_file(Path(path)))


def _is_complete(path: Path, plan: Plan) -> bool:
    """Returns whether a store is complete; ValueError if it has another identity."""
    attribute = _attribute(path)
    if not attribute.get("complete"):
        return False
    identity = {name: attribute.get(name) for name in plan.identity}
    check_same_identity(path, identity, plan.identity)
    return True


def _attribute(path: Path) -> dict[str, Any]:
    """Returns the Zarr attribute that describes a store; empty if there is none."""
    if not (path / "zarr.json").exists():
        return {}
    return import_extra("zarr", "stores").open(path, mode="r").attrs.get(ATTRIBUTE, {})


def _tidy(path: Path) -> None:
    """Removes what a complete store does not need, the locks at last."""
    shutil.rmtree(path / PROGRESS, ignore_errors=True)
    for file in _lock_files(path, "*"):
        file.unlink(missing_ok=True)


def _lock_file(path: Path, kind: str = "") -> Path:
    name = f".{path.name}.umbed_lock{kind}"
    # Beside the store, as it may not exist yet; inside where the folder around is read-only.
    if path.is_dir() and not os.access(path.parent, os.W_OK):
        return path / name
    return path.with_name(name)


def _lock_files(path: Path, pattern: str) -> Iterator[Path]:
    lock = _lock_file(path)
    return lock.parent.glob(glob.escape(lock.name) + pattern)


def _check_free(path: Path) -> None:
    """Raises ValueError if there is something that is no store begun here."""
    if (path / PROGRESS / PLAN).exists() or not path.exists():
        return
    own = PROGRESS, _lock_file(path).name
    if not path.is_dir() or any(not part.name.startswith(own) for part in path.iterdir()):
        if path.is_dir() and _attribute(path).get("complete"):
            return
        raise ValueError(
            f"`target` must be new, empty, or what this call began. {path} holds something else, "
            "of which nothing was changed."
        )
