"""The layout of a store: which images it holds, in which tiles and in which Zarr arrays."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from umbed_keras.extras import import_extra
from umbed_keras.files import written_whole
from umbed_keras.images.tiles import tile_grid
from umbed_keras.stores.ome_zarr import level_size, multiscale_metadata
from umbed_keras.typing import PathLike

# A store that is not complete has this folder, with the plan and a mark for each written tile.
PROGRESS, PLAN, DONE = ".progress", "plan.json", "done"
# Sides of Zarr's chunks and of tiles, in pixels. A tile is a shard, which holds several chunks.
CHUNK, LARGEST_TILE = 256, 1024
# The Zarr attribute that describes a store.
ATTRIBUTE = "umbed_keras"


class Tile(NamedTuple):
    """A rectangle that is written at once: one shard of every array of an image.

    Args:
        image: int, index of the image in `Plan.images`.
        level: int, level of OME-Zarr; 0 is the finest.
        top: int, first row.
        bottom: int, row after the last.
        left: int, first column.
        right: int, column after the last.
        plane: tuple of ints, index along the image's axes of planes; `()` without such.

    Examples:
        >>> tile = Tile(image=0, level=0, top=0, bottom=256, left=512, right=600)
        >>> tile.rows, tile.cols
        (slice(0, 256, None), slice(512, 600, None))
        >>> tile.name
        '0.0.0.512'
    """

    image: int
    level: int
    top: int
    bottom: int
    left: int
    right: int
    plane: tuple[int, ...] = ()

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.top, self.bottom)

    @property
    def cols(self) -> slice:
        """The columns as a slice."""
        return slice(self.left, self.right)

    @property
    def name(self) -> str:
        """The name of the tile's mark in the folder of progress."""
        return ".".join(map(str, (self.image, self.level, self.top, self.left, *self.plane)))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The content and layout of a store.

    Args:
        identity: dictionary of everything that the content depends on, of values that JSON
            represents. Of an entry that is a dictionary with `sha256` only the hash is compared.
            Its `late`, if present, maps the names of images that could not be read when the store
            was begun to their SHA-256, or to None while they still can't be read.
        images: list of `(name, *planes, height, width)`. A single image may have the name "".
        arrays: dictionary from a name to the `(trailing shape, dtype)` of an array that every
            image gets, of shape `(*planes, height, width, *trailing)`. A single array may have the
            name "".
        tile_size: int, side of the tiles, in pixels.
        scale: two floats, size of a pixel along y and x.
        unit: str, unit of `scale` as OME-Zarr names it, or None if it is unknown.
        ome: bool; True writes OME-Zarr 0.5, with channels first.
        levels: int, number of levels of OME-Zarr. Every level above 0 holds the means of 2 x 2
            pixels of the level below. Only images of one plane have several.
        plane_axes: dictionary from names of images to the letters of their axes of planes.
        scalings: dictionary from names of images to configurations of their `Scaling`.

    Examples:
        >>> plan = Plan({"model": "one"}, [("", 100, 80)], {"": ((16,), "float32")}, tile_size=64)
        >>> [(tile.top, tile.bottom, tile.left, tile.right) for tile in plan.tiles()]
        [(0, 64, 0, 64), (0, 64, 64, 80), (64, 100, 0, 64), (64, 100, 64, 80)]
    """

    identity: dict[str, Any]
    images: list[Any]
    arrays: dict[str, Any]
    tile_size: int
    scale: tuple[float, ...] = (1.0, 1.0)
    unit: str | None = None
    ome: bool = False
    levels: int = 1
    plane_axes: dict[str, str] = dataclasses.field(default_factory=dict)
    scalings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def has_missing_images(self) -> bool:
        """Whether there are images that can't be read yet."""
        entries = [entry for entry in self.identity.values() if isinstance(entry, dict)]
        return any(None in entry.get("late", {}).values() for entry in entries)

    def extended(self, plan: Self) -> Self:
        """Appends the images that only another plan of the same store has.

        Args:
            plan: the newer `Plan`, whose identity is taken over.

        Returns:
            A `Plan`.
        """
        names = {name for name, *_ in self.images}
        added = [image for image in plan.images if image[0] not in names]
        return dataclasses.replace(
            self,
            identity=plan.identity,
            images=[*self.images, *added],
            plane_axes={**plan.plane_axes, **self.plane_axes},
            scalings={**plan.scalings, **self.scalings},
        )

    def tiles(self, level: int = 0) -> Iterator[Tile]:
        """Yields the tiles of a level, image by image and row by row.

        Args:
            level: int, level of OME-Zarr.

        Yields:
            `Tile`.
        """
        for index, (_, *size) in enumerate(self.images):
            sides = level_size(size[-2:], level)
            for plane in np.ndindex(*size[:-2]):
                for rows, cols in tile_grid(sides, (self.tile_size, self.tile_size)):
                    sides_of_tile = rows.start, rows.stop, cols.start, cols.stop
                    yield Tile(index, level, *sides_of_tile, plane)

    def describe(self, tile: Tile) -> str:
        """Returns the position of a tile in words.

        Args:
            tile: `Tile`.

        Returns:
            Str, such as `"sub/a.png: rows 0:256, columns 512:600"`.
        """
        name = self.images[tile.image][0]
        position = f"rows {tile.top}:{tile.bottom}, columns {tile.left}:{tile.right}"
        if tile.plane:
            position = f"plane {', '.join(map(str, tile.plane))}, {position}"
        return f"{name}: {position}" if name else position

    def node_path(self, image: int, array: str, level: int | None = None) -> str:
        """Returns the path of an array in the store, or of the group of its levels.

        Args:
            image: int, index in `images`.
            array: str, name in `arrays`.
            level: int, level of OME-Zarr; None is the group of all levels.

        Returns:
            Str, names joined by slashes; "" is the store itself.
        """
        suffix = str(level) if self.ome and level is not None else ""
        return "/".join(filter(None, (self.images[image][0], array, suffix)))

    def write(self, store: PathLike) -> None:
        """Writes the plan to a store, which thereby is begun or extended.

        Args:
            store: path of the store.
        """
        folder = Path(store) / PROGRESS
        (folder / DONE).mkdir(parents=True, exist_ok=True)
        with written_whole(folder / PLAN) as new:
            new.write_text(json.dumps(dataclasses.asdict(self)))


def read_plan(store: PathLike) -> Plan | None:
    """Reads the plan of a store that was begun and is not complete.

    Args:
        store: path of the store.

    Returns:
        The `Plan`, or None if there is no such store.

    Examples:
        >>> plan = Plan({"model": "one"}, [("", 100, 80)], {"": ((16,), "float32")}, tile_size=64)
        >>> plan.write("vectors.zarr")
        >>> read_plan("vectors.zarr").images
        [['', 100, 80]]
        >>> read_plan("other.zarr") is None
        True
    """
    try:
        return Plan(**json.loads((Path(store) / PROGRESS / PLAN).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_same_identity(store: PathLike, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Checks that two identities are the same, see `Plan`.

    Args:
        store: path of the store, for the message.
        before: identity with which the store was begun.
        now: identity of this call.

    Raises:
        ValueError: if they differ. The message names the entries that do.

    Examples:
        >>> check_same_identity("a.zarr", {"model": "one"}, {"model": "one"})
        >>> check_same_identity("a.zarr", {"model": "one"}, {"model": "two"})
        Traceback (most recent call last):
        ValueError: In `target`, a.zarr, something else was begun: `model` was 'one', is 'two'...
    """
    now = json.loads(json.dumps(now))
    names = {**before, **now}
    changed = [name for name in names if not _is_same(before.get(name), now.get(name))]
    if changed:
        differences = "; ".join(
            f"`{name}` was {before.get(name)!r}, is {now.get(name)!r}" for name in changed
        )
        raise ValueError(
            f"In `target`, {store}, something else was begun: {differences}. Pass another target, "
            "or what was passed then."
        )


def create_arrays(store: PathLike, plan: Plan, image: int) -> None:
    """Creates the Zarr groups and arrays of an image, except those that exist.

    Args:
        store: path of the store.
        plan: `Plan`.
        image: int, index in `plan.images`.

    Examples:
        >>> plan = Plan({"model": "one"}, [("", 100, 80)], {"": ((16,), "float32")}, tile_size=64)
        >>> create_arrays("vectors.zarr", plan, image=0)
        >>> import zarr
        >>> zarr.open("vectors.zarr").shape
        (100, 80, 16)
    """
    zarr = import_extra("zarr", "stores")
    own = {"scale": plan.scale, "unit": plan.unit, "complete": False}
    groups, arrays = {"": {ATTRIBUTE: {**plan.identity, **own}}}, {}
    for name, (trailing, dtype) in plan.arrays.items():
        planes = plan.images[image][1:-2]
        letters = plan.plane_axes.get(plan.images[image][0], "tz"[-len(planes) :] if planes else "")
        axes = [*letters, "y", "x", *("c" for _ in trailing)]
        if plan.ome:
            axes = axes[2:] + axes[:2]
            attributes = groups.setdefault(plan.node_path(image, name), {})
            attributes |= multiscale_metadata(axes, plan.scale, plan.unit, plan.levels)
        for level in range(plan.levels):
            size = level_size(plan.images[image][-2:], level)
            chunks, shards = zip(*(_sides(side, plan.tile_size) for side in size), strict=True)
            one = (1,) * len(planes)
            shape, chunks, shards = (
                (*trailing, *part) if plan.ome else (*lead, *part, *trailing)
                for lead, part in ((planes, size), (one, chunks), (one, shards))
            )
            arrays[plan.node_path(image, name, level)] = {
                "shape": shape,
                "chunks": chunks,
                "shards": shards,
                "dtype": dtype,
                "compressors": _compressors(dtype),
                "dimension_names": axes,
                # Searching for chunks of zeros takes longer than writing the few that exist.
                "config": {"write_empty_chunks": True},
            }
    if "" in arrays:
        arrays[""]["attributes"] = groups.pop("")
    # Another worker may have created the same node in the meantime.
    for path, attributes in groups.items():
        with contextlib.suppress(zarr.errors.ContainsGroupError):
            zarr.create_group(store, path=path, attributes=attributes)
    for path, options in arrays.items():
        with contextlib.suppress(zarr.errors.ContainsArrayError):
            zarr.create_array(store, name=path or None, **options)


def _is_same(before: Any, now: Any) -> bool:
    """Compares entries of identities; those with a hash by their hashes."""
    if not (isinstance(before, dict) and isinstance(now, dict) and "sha256" in before):
        return before == now
    late = before.get("late", {}).items()
    same = all(digest in (None, now.get("late", {}).get(name)) for name, digest in late)
    return same and before["sha256"] == now.get("sha256")


def _sides(side: int, tile_size: int) -> tuple[int, int]:
    """Returns the sides of chunks and of shards along an axis of a given length."""
    chunk = min(tile_size // max(1, round(tile_size / CHUNK)), side)
    return chunk, min(tile_size, -(-side // chunk) * chunk)


def _compressors(dtype):
    # Mantissas of vectors are noise: beyond empty regions there is nothing to compress.
    if np.dtype(dtype).kind != "f":
        return "auto"
    return import_extra("zarr", "stores").codecs.ZstdCodec(level=-5)
