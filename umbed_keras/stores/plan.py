"""What a store holds, and in what tiles it is written."""

import dataclasses
import json
from pathlib import Path
from typing import NamedTuple

from umbed_keras.files import written_whole
from umbed_keras.images.tiles import tile_grid
from umbed_keras.stores import ome

# Until all is done a store has this folder, of the plan and the marks of tiles that are done.
PROGRESS, PLAN, DONE = ".progress", "plan.json", "done"
# Sides of Zarr's chunks and of tiles, in pixels: a tile is a shard of chunks.
CHUNK, LARGEST_TILE = 256, 1024


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
        identity: dictionary of what the content depends on, values that JSON knows. Of one that
            is a dictionary with `sha256`, that alone counts; and `late`, names to the SHA-256 of
            what could not be had when the store was begun, None while it still can't.
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

    @property
    def waits(self):
        """Whether images are still to come."""
        parts = [part for part in self.identity.values() if isinstance(part, dict)]
        return any(None in part.get("late", {}).values() for part in parts)

    def extended(self, plan):
        """This plan with what has come later, as another plan has it, after its own images."""
        names = {name for name, *_ in self.images}
        joined = [image for image in plan.images if image[0] not in names]
        return dataclasses.replace(self, identity=plan.identity, images=[*self.images, *joined])

    def tiles(self, level=0):
        """All tiles of a level, image by image and row by row."""
        for number, (_, *size) in enumerate(self.images):
            sides = ome.level_size(size, level)
            for rows, cols in tile_grid(sides, (self.tile_size, self.tile_size)):
                yield Tile(number, level, rows.start, rows.stop, cols.start, cols.stop)

    def where(self, tile):
        """A tile's place in words."""
        name = self.images[tile.image][0]
        place = f"rows {tile.top}:{tile.bottom}, columns {tile.left}:{tile.right}"
        return f"{name}: {place}" if name else place

    def key(self, image, array, level=None):
        """The path in the store of an array of an image, of OME-Zarr of a level or all of them."""
        level = str(level) if self.ome and level is not None else ""
        return "/".join(filter(None, (self.images[image][0], array, level)))

    def write(self, path):
        """Begins the store at a path with this plan, or goes on with it there."""
        folder = Path(path) / PROGRESS
        (folder / DONE).mkdir(parents=True, exist_ok=True)
        with written_whole(folder / PLAN) as new:
            new.write_text(json.dumps(dataclasses.asdict(self)))


def read_plan(path):
    """The plan of the store at a path; None where none was begun, or all is done."""
    try:
        return Plan(**json.loads((Path(path) / PROGRESS / PLAN).read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None


def check_same(path, before, now):
    """Raises ValueError, which says what differs, unless two identities are one."""
    now = json.loads(json.dumps(now))
    names = {**before, **now}
    changed = [name for name in names if not _is_same(before.get(name), now.get(name))]
    if changed:
        differences = "; ".join(
            f"`{name}` was {before.get(name)!r}, is {now.get(name)!r}" for name in changed
        )
        raise ValueError(
            f"In `target`, {path}, something else was begun: {differences}. Pass another target, "
            "or what was passed then."
        )


def _is_same(before, now):
    """Whether what counts of two entries of identities is the same."""
    if not (isinstance(before, dict) and isinstance(now, dict) and "sha256" in before):
        return before == now
    late = before.get("late", {}).items()
    same = all(digest in (None, now.get("late", {}).get(name)) for name, digest in late)
    return same and before["sha256"] == now.get("sha256")
