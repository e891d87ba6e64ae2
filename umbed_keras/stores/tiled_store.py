"""Zarr arrays that are written tile by tile, and go on where that was cut off."""

import contextlib
import glob
import itertools
import os
import re
import shutil
from pathlib import Path

import filelock
import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.stores import ome
from umbed_keras.stores.layout import ATTRIBUTES, create
from umbed_keras.stores.plan import DONE, PLAN, PROGRESS, check_same, read_plan


class StoreError(OSError):
    """The store can't be written to."""


class TiledStore:
    """A Zarr array, or a group of them, written tile by tile: each whole, then marked as done.

    Whenever a process ends, even by `kill -9`, `pending` tells what is left to do. A lone array of
    a lone image lies at the path itself, others in a group, by image, array and OME-Zarr's level.

    Args:
        path: path of a store that `begin` made.
    """

    def __init__(self, path):
        self.path = Path(path).resolve()
        self.plan = read_plan(self.path)

    @classmethod
    def begin(cls, path, plan):
        """Makes a store, or goes on with it, in the tiles that it was begun with.

        Args:
            path: path of nothing, of an empty folder, or of a store begun with this plan.
            plan: `Plan`.

        Returns:
            The `TiledStore`; None where all is done.

        Raises:
            ValueError: there is something else.
            OSError: nothing can be written there.
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
                check_same(path, before.identity, plan.identity)
                if before.tile_size > plan.tile_size:
                    raise ValueError(
                        f"`target`, {path}, was begun in tiles of {before.tile_size} pixels, and "
                        f"`memory_budget` is enough for {plan.tile_size} now: pass what was passed "
                        "then, or more."
                    )
                if (extended := before.extended(plan)) != before:
                    extended.write(path)
            store = cls(path)
            create(path, store.plan, 0)
        return store

    @contextlib.contextmanager
    def running(self, shard=(0, 1)):
        """A scope in which this process alone works on a shard of the tiles, as `pending` takes it.

        Raises:
            RuntimeError: another process works on some of these tiles.
        """
        own = _lock_file(self.path, "_{}_of_{}".format(*shard))
        with contextlib.ExitStack() as stack:
            with locked(self.path):
                for file in {own, *_lock_files(self.path, "_*_of_*")}:
                    number, count = map(int, re.findall(r"_(\d+)_of_(\d+)$", file.name)[0])
                    if file != own and count == shard[1]:
                        continue  # it shares no tile with this one
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
                    self._clean()
            yield

    @contextlib.contextmanager
    def finishing(self):
        """A scope for what comes after the last tile, of one process alone.

        Yields whether there is anything to do; at the end the store is complete if all tiles of
        all levels are, of all images, and what isn't Zarr's is removed.
        """
        with locked(self.path):
            # Another shard may have more images.
            self.plan = read_plan(self.path) or self.plan
            yield self._is_begun and not self.pending()
            pending = self.plan.waits or any(map(self.pending, range(self.plan.levels)))
            if self._is_begun and not pending:
                self._clean()
                node = import_extra("zarr", "stores").open(self.path, mode="r+")
                about = {**node.attrs[ATTRIBUTES], **self.plan.identity, "complete": True}
                node.attrs[ATTRIBUTES] = about
                _tidy(self.path)

    def pending(self, level=0, shard=(0, 1)):
        """List of the tiles of a level, or of shard i of n, `(i, n)`, of them, that aren't done."""
        if not self._is_begun:
            return []
        done = set(os.listdir(self.path / PROGRESS / DONE))
        own = itertools.islice(self.plan.tiles(level), shard[0], None, shard[1])
        return [tile for tile in own if tile.name not in done]

    def is_done(self, tile):
        """Whether a tile has been written."""
        return self._mark(tile).exists()

    def write(self, tile, values):
        """Writes a tile, and marks it as done.

        Args:
            tile: `Tile`.
            values: array `(rows, cols, ...)`, or a dictionary of those by the plan's names.

        Raises:
            StoreError: the disk is full, or the store can't be written to.
        """
        values = values if isinstance(values, dict) else {"": values}
        try:
            for name in self.plan.arrays:
                array = self._array(tile.image, name, tile.level)
                part = values[name].astype(array.dtype, copy=False)
                if self.plan.ome:
                    array[..., tile.rows, tile.cols] = np.moveaxis(part, (0, 1), (-2, -1))
                else:
                    array[tile.rows, tile.cols] = part
            self._mark(tile).touch()
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error}") from error

    def pool(self, tile):
        """What a tile of a level above 0 holds: means of 2 x 2 pixels of the level below."""
        return {
            name: ome.pool(self._array(tile.image, name, tile.level - 1), tile.rows, tile.cols)
            for name in self.plan.arrays
        }

    @property
    def _is_begun(self):
        """Whether there is a plan; another shard may have been the last."""
        return (self.path / PROGRESS / PLAN).exists()

    def _mark(self, tile):
        return self.path / PROGRESS / DONE / tile.name

    def _array(self, image, name, level):
        place = self.path / self.plan.key(image, name, level)
        if not (place / "zarr.json").exists():
            create(self.path, self.plan, image)
        return import_extra("zarr", "stores").open_array(place, mode="r+")

    def _clean(self):
        """Removes files that Zarr didn't finish."""
        for path in self.path.rglob("*.partial"):
            path.unlink(missing_ok=True)


def identity_of(path):
    """What the store at a path was begun with; nothing where there is none."""
    plan = read_plan(path)
    return plan.identity if plan else _about(Path(path))


def locked(path):
    """A scope in which no other process begins or finishes the store at a path."""
    return filelock.FileLock(_lock_file(path))


def _is_complete(path, plan):
    """Whether all is done of a store; ValueError where it is another's."""
    about = _about(path)
    if not about.get("complete"):
        return False
    check_same(path, {name: about.get(name) for name in plan.identity}, plan.identity)
    return True


def _about(path):
    """What a store says of itself; nothing where there is none."""
    if not (path / "zarr.json").exists():
        return {}
    return import_extra("zarr", "stores").open(path, mode="r").attrs.get(ATTRIBUTES, {})


def _tidy(path):
    """Removes what a complete store has no need of, its locks at last."""
    shutil.rmtree(path / PROGRESS, ignore_errors=True)
    for file in _lock_files(path, "*"):
        file.unlink(missing_ok=True)


def _lock_file(path, kind=""):
    return path.with_name(f".{path.name}.umbed_lock{kind}")


def _lock_files(path, pattern):
    return path.parent.glob(glob.escape(_lock_file(path).name) + pattern)


def _check_free(path):
    """Raises ValueError where there is something that is no store begun here."""
    if (path / PROGRESS / PLAN).exists() or not path.exists():
        return
    if not path.is_dir() or any(part.name != PROGRESS for part in path.iterdir()):
        if path.is_dir() and _about(path).get("complete"):
            return
        raise ValueError(
            f"`target` must be new, empty, or what this call began. {path} holds something else, "
            "of which nothing was changed."
        )
