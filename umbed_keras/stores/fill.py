"""Fills a store tile by tile, by whatever processes there are."""

import numbers
import uuid

from umbed_keras.ops.checks import check_integers
from umbed_keras.stores.plan import PROGRESS
from umbed_keras.stores.processes import Recipe, write_tiles
from umbed_keras.stores.tiled_store import TiledStore, locked


def fill_store(target, plan, function, workers=1, client=None, shard=None, verbose=1):
    """Fills a store with what a function gives of each tile; goes on where that was cut off.

    Args:
        target: path of the store: new, or begun by this call.
        plan: `Plan` of it.
        function: from a `Tile` to an array `(rows, cols, ...)`, or a dictionary of those by the
            plan's names, the same whenever it is called; it reads what it needs beyond the tile
            itself. For other processes it has a method: `function.share(folder)` writes what they
            need to a new folder, unless it is there, and returns what makes the function, which
            can be imported, and a tuple of its arguments.
        workers, client, shard, verbose: as in `embed_store`.

    Returns:
        Dictionary of the places of tiles that failed three times, in words, to why.

    Raises:
        ValueError: arguments not as described; a target that holds something else, or was begun
            with another plan, which stays as it is.
        OSError: the target can't be written to.
        RuntimeError: another process works on the same tiles; workers can't start.
    """
    check_integers(workers=(1, workers))
    shard = _checked((0, 1) if shard is None else shard)
    store = TiledStore.begin(target, plan)
    if store is None:
        return {}
    with store.running(shard):
        recipe = None
        if workers > 1 or client is not None:
            with locked(store.path):
                made = function.share(store.path / PROGRESS / "shared")
            recipe = Recipe(str(uuid.uuid4()), str(store.path), *made)
        options = {"recipe": recipe, "workers": workers, "client": client, "verbose": verbose}
        failed = write_tiles(store, store.pending(0, shard), function, **options)
    with store.finishing() as everything:
        # Levels are made of the whole one below, by the shard that comes last.
        for level in range(1, store.plan.levels if everything else 1):
            if not store.pending(level - 1):
                failed |= write_tiles(store, store.pending(level), function, **options)
    return {store.plan.where(tile): error for tile, error in failed.items()}


def _checked(shard):
    pair = tuple(shard) if isinstance(shard, (tuple, list)) else ()
    integers = len(pair) == 2 and all(isinstance(number, numbers.Integral) for number in pair)
    if not integers or not 0 <= pair[0] < pair[1]:
        raise ValueError(f"`shard` must be (i, n), integers with 0 <= i < n. Received: {shard!r}")
    return pair
