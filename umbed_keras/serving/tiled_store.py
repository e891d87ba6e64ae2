"""Zarr arrays that are written tile by tile, and go on where that was cut off."""

import contextlib
import dataclasses
import itertools
import json
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np

from umbed_keras.data.tiles import spans
from umbed_keras.serving import ome
from umbed_keras.serving._extra import extra

# Until all is done a store has this folder, of the plan and the marks of tiles that are done.
PROGRESS, PLAN, DONE = ".progress", "plan.json", "done"
# Sides of Zarr's chunks and of tiles, in pixels: a tile is a shard of chunks.
CHUNK, LARGEST_TILE = 256, 1024
# The key of our attributes.
ATTRIBUTES = "umbed_keras"


class StoreError(OSError):
    """The store can't be written to."""


class Tile(NamedTuple):
    """What is written at once: one shard of every array of an image.

    Args:
        image: int, place in the plan's `images`.
        level: int, of OME-Zarr; 0 is the finest.
        top, bottom, left, right: ints, the rows and columns from which and before which it lies.
    """

    image: int
    level: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def rows(self):
        return slice(self.top, self.bottom)

    @property
    def cols(self):
        return slice(self.left, self.right)

    @property
    def name(self):
        return f"{self.image}.{self.level}.{self.top}.{self.left}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a store holds.

    Args:
        identity: dictionary of what the content depends on, values that JSON knows; of one that
            is a dictionary with `sha256`, that alone counts.
        images: list of `(name, height, width)`; a lone image may have the name "".
        arrays: name to `(trailing shape, dtype)` of what each image gets, `(height, width,
            *trailing)`; a lone array may have the name "".
        tile_size: int, the side of tiles.
        scale: pair of floats, size of a pixel along y and x.
        unit: str, of `scale`, as OME-Zarr names it; None where it isn't known.
        ome: bool; True writes OME-Zarr 0.5, in which channels come first.
        levels: int, of OME-Zarr; those above 0 hold means of the one below.
    """

    identity: dict
    images: list
    arrays: dict
    tile_size: int
    scale: tuple = (1.0, 1.0)
    unit: str | None = None
    ome: bool = False
    levels: int = 1


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
        if is_complete(path, plan.identity):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            before = read_plan(path)
            if before is None:
                if is_complete(path, plan.identity):
                    return None
                if path.exists() and not _is_empty(path):
                    raise ValueError(
                        f"`target` must be new, empty, or what this call began. {path} holds "
                        "something else, of which nothing was changed."
                    )
                (path / PROGRESS / DONE).mkdir(parents=True)
                new = path / PROGRESS / f"{PLAN}.new"
                new.write_text(json.dumps(dataclasses.asdict(plan)))
                os.replace(new, path / PROGRESS / PLAN)
            else:
                _check_same(path, before.identity, plan.identity)
                if before.tile_size > plan.tile_size:
                    raise ValueError(
                        f"`target`, {path}, was begun in tiles of {before.tile_size} pixels, and "
                        f"`memory_budget` is enough for {plan.tile_size} now: pass what was passed "
                        "then, or more."
                    )
            store = cls(path)
            store._create(0)
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
                for file in {own, *own.parent.glob(f"{_lock_file(self.path).name}_*_of_*")}:
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
        all levels are, and what isn't Zarr's is removed.
        """
        with locked(self.path):
            yield read_plan(self.path) is not None and not self.pending()
            if read_plan(self.path) is None or any(map(self.pending, range(self.plan.levels))):
                return
            self._clean()
            node = extra("zarr").open(self.path, mode="r+")
            node.attrs[ATTRIBUTES] = {**node.attrs[ATTRIBUTES], "complete": True}
            shutil.rmtree(self.path / PROGRESS)
            for file in self.path.parent.glob(f"{_lock_file(self.path).name}*"):
                file.unlink(missing_ok=True)

    def tiles(self, level=0):
        """All tiles of a level, row by row."""
        for number, (_, *size) in enumerate(self.plan.images):
            rows, cols = (spans(side, self.plan.tile_size) for side in ome.level_size(size, level))
            for row, col in itertools.product(rows, cols):
                yield Tile(number, level, *row, *col)

    def pending(self, level=0, shard=(0, 1)):
        """List of the tiles of a level, or of shard i of n, `(i, n)`, of them, that aren't done."""
        done = set(os.listdir(self.path / PROGRESS / DONE))
        own = itertools.islice(self.tiles(level), shard[0], None, shard[1])
        return [tile for tile in own if tile.name not in done]

    def where(self, tile):
        """A tile's place in words."""
        name = self.plan.images[tile.image][0]
        place = f"rows {tile.top}:{tile.bottom}, columns {tile.left}:{tile.right}"
        return f"{name}: {place}" if name else place

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
            (self.path / PROGRESS / DONE / tile.name).touch()
        except OSError as error:
            raise StoreError(f"{self.path} can't be written to: {error}") from error

    def pool(self, tile):
        """What a tile of a level above 0 holds: means of 2 x 2 pixels of the level below."""
        return {
            name: ome.pool(self._array(tile.image, name, tile.level - 1), tile.rows, tile.cols)
            for name in self.plan.arrays
        }

    @property
    def _attributes(self):
        own = {"scale": self.plan.scale, "unit": self.plan.unit, "complete": False}
        return {ATTRIBUTES: {**self.plan.identity, **own}}

    def _key(self, image, name, level=None):
        level = str(level) if self.plan.ome and level is not None else ""
        return "/".join(filter(None, (self.plan.images[image][0], name, level)))

    def _array(self, image, name, level):
        place = self.path / self._key(image, name, level)
        if not (place / "zarr.json").exists():
            self._create(image)
        return extra("zarr").open_array(place, mode="r+")

    def _create(self, image):
        """Creates what isn't there of an image's groups and arrays."""
        zarr, plan = extra("zarr"), self.plan
        groups, arrays = {"": self._attributes}, {}
        for name, (trailing, dtype) in plan.arrays.items():
            axes = ["y", "x", *("c" for _ in trailing)]
            if plan.ome:
                axes = axes[2:] + axes[:2]
                own = ome.metadata(axes, plan.scale, plan.unit, plan.levels)
                groups[self._key(image, name)] = {**groups.get(self._key(image, name), {}), **own}
            for level in range(plan.levels):
                size = ome.level_size(plan.images[image][1:], level)
                chunks, shards = zip(*(self._sides(side) for side in size), strict=True)
                shapes = [
                    (*trailing, *part) if plan.ome else (*part, *trailing)
                    for part in (size, chunks, shards)
                ]
                arrays[self._key(image, name, level)] = {
                    **dict(zip(("shape", "chunks", "shards"), shapes, strict=True)),
                    "dtype": dtype,
                    "compressors": _compressor(dtype),
                    "dimension_names": axes,
                }
        if "" in arrays:
            arrays[""]["attributes"] = groups.pop("")
        # Of several workers another may be the first, and makes the same.
        for key, attributes in groups.items():
            with contextlib.suppress(zarr.errors.ContainsGroupError):
                zarr.create_group(self.path, path=key, attributes=attributes)
        for key, options in arrays.items():
            with contextlib.suppress(zarr.errors.ContainsArrayError):
                zarr.create_array(self.path, name=key or None, **options)

    def _sides(self, side):
        """Sides of a chunk and of a shard along an axis."""
        tile_size = self.plan.tile_size
        chunk = min(tile_size // max(1, round(tile_size / CHUNK)), side)
        return chunk, min(tile_size, -(-side // chunk) * chunk)

    def _clean(self):
        """Removes files that Zarr didn't finish."""
        for path in self.path.rglob("*.partial"):
            path.unlink(missing_ok=True)


def read_plan(path):
    """The plan of the store at a path; None where none was begun, or all is done."""
    try:
        return Plan(**json.loads((Path(path) / PROGRESS / PLAN).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_complete(path, identity):
    """Whether all is done of the store of an identity at a path.

    Raises:
        ValueError: it is another's.
    """
    if not (path / "zarr.json").exists() or (path / PROGRESS).exists():
        return False
    found = extra("zarr").open(path, mode="r").attrs.get(ATTRIBUTES, {})
    if not found.get("complete"):
        return False
    _check_same(path, {name: found.get(name) for name in identity}, identity)
    return True


def locked(path):
    """A scope in which no other process begins or finishes the store at a path."""
    return filelock.FileLock(_lock_file(path))


def _compressor(dtype):
    """Vectors' mantissas are noise: what is tried beyond empty regions takes time for nothing."""
    if np.dtype(dtype).kind != "f":
        return "auto"
    return extra("zarr").codecs.ZstdCodec(level=-5)


def _lock_file(path, kind=""):
    return path.with_name(f".{path.name}.umbed_lock{kind}")


def _is_empty(path):
    return path.is_dir() and not any(path.iterdir())


def _check_same(path, before, now):
    now = json.loads(json.dumps(now))
    changed = [name for name in {**before, **now} if _counts(before, name) != _counts(now, name)]
    if changed:
        differences = "; ".join(
            f"`{name}` was {before.get(name)!r}, is {now.get(name)!r}" for name in changed
        )
        raise ValueError(
            f"In `target`, {path}, something else was begun: {differences}. Pass another target, "
            "or what was passed then."
        )


def _counts(identity, name):
    """Of an entry of an identity, what must be the same."""
    value = identity.get(name)
    return value["sha256"] if isinstance(value, dict) and "sha256" in value else value
