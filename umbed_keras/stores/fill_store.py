"""Filling a store tile by tile, by this process, by others or by a cluster."""

import numbers
import uuid
from typing import Any

from umbed_keras.ops.checks import check_integers
from umbed_keras.stores.layout import PROGRESS, Plan
from umbed_keras.stores.tiled_store import TiledStore, locked
from umbed_keras.stores.worker_pool import Recipe, write_tiles
from umbed_keras.typing import PathLike


def fill_store(
    target: PathLike,
    plan: Plan,
    function: Any,
    workers: int = 1,
    client: Any = None,
    shard: tuple[int, int] | None = None,
    verbose: int = 1,
) -> dict[str, str]:
    """Fills a store with the results of a function of tiles; continues an interrupted call.

    Args:
        target: path of the store: new, or begun by the same call.
        plan: `Plan`.
        function: callable from a `Tile` to an array `(rows, cols, ...)`, or to a dictionary of
            such arrays by the names of the plan's arrays. It is deterministic, and reads what it
            needs itself. For work by other processes it has a method `share(folder)`, which writes
            what they need to a new folder, unless that exists, and returns an importable function
            that makes the callable, and a tuple of its arguments.
        workers: int, number of processes on this machine.
        client: `dask.distributed.Client`, whose workers do the work instead.
        shard: ints `(i, n)`, 0 <= i < n; None does all tiles, a pair the i-th of n parts.
        verbose: int, 1 shows a progress bar, 0 shows nothing.

    Returns:
        Dictionary from the position of each tile that failed three times, in words, to the error.

    Raises:
        ValueError: if `workers` is no integer of at least 1, or `shard` no pair `(i, n)`.
        ValueError: if `target` holds something else or was begun with another plan. It is left as
            it is.
        OSError: if `target` can't be written to.
        RuntimeError: if another process works on the same tiles, or workers can't start.

    Examples:
        >>> plan = Plan({"what": "rows"}, [("", 6, 4)], {"": ((), "uint8")}, tile_size=4)
        >>> fill_store("a.zarr", plan, lambda tile: np.mgrid[tile.rows, tile.cols][0], verbose=0)
        {}
        >>> import zarr
        >>> zarr.open("a.zarr")[:, 0].tolist()
        [0, 1, 2, 3, 4, 5]
    """
    check_integers(workers=(1, workers))
    shard = _checked_shard((0, 1) if shard is None else shard)
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
    with store.finishing() as level_is_written:
        # The shard that ends last computes all further levels, each from the one below.
        for level in range(1, store.plan.levels if level_is_written else 1):
            if not store.pending(level - 1):
                failed |= write_tiles(store, store.pending(level), function, **options)
    return {store.plan.describe(tile): error for tile, error in failed.items()}


def _checked_shard(shard: Any) -> tuple[int, int]:
    pair: tuple[Any, ...] = tuple(shard) if isinstance(shard, (tuple, list)) else ()
    integers = len(pair) == 2 and all(isinstance(number, numbers.Integral) for number in pair)
    if not integers or not 0 <= pair[0] < pair[1]:
        raise ValueError(f"`shard` must be (i, n), integers with 0 <= i < n. Received: {shard!r}")
    return pair[0], pair[1]
