"""Workers that write the tiles of a store: processes on this machine, or a Dask cluster."""

import collections
import functools
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from umbed_keras.backend.cores import worker_environments
from umbed_keras.extras import import_extra
from umbed_keras.stores.layout import Tile
from umbed_keras.stores.tiled_store import StoreError, TiledStore

# How often a tile is tried.
TRIES = 3
# The module that a worker process runs.
WORKER = "umbed_keras.stores.worker_main"
# Exceptions of a conversation with a process that gives no answer.
_NO_ANSWER = (EOFError, OSError, pickle.UnpicklingError)


class Recipe(NamedTuple):
    """Instructions by which a worker makes the function that computes tiles.

    Args:
        key: str, identifies the run, so that a worker that served another run starts anew.
        store: str, path of a `TiledStore`.
        make: importable function. `make(*arguments)` is called once in each worker and returns the
            function from a `Tile` to the values that `TiledStore.write` takes.
        arguments: tuple of values that can be pickled. A worker may run in another folder, so paths
            are absolute.

    Examples:
        >>> recipe = Recipe("run 1", "vectors.zarr", make=dict, arguments=())
        >>> recipe.make(*recipe.arguments)
        {}
    """

    key: str
    store: str
    make: Callable[..., Any]
    arguments: tuple[Any, ...]


def write_tiles(
    store: TiledStore,
    tiles: Sequence[Tile],
    function: Callable[[Tile], Any],
    recipe: Recipe | None = None,
    workers: int = 1,
    client: Any = None,
    verbose: int = 1,
) -> dict[Tile, str]:
    """Writes tiles of a store. A tile that fails is tried again, three times in all.

    Args:
        store: `TiledStore`.
        tiles: list of `Tile`.
        function: callable from a `Tile` to the values that `store.write` takes.
        recipe: `Recipe` of the function, for other processes.
        workers: int, number of processes on this machine, each with a share of the cores and GPUs.
            With 1 this process does the work.
        client: `dask.distributed.Client`, whose workers do the work instead.
        verbose: int, 1 shows a progress bar, 0 shows nothing.

    Returns:
        Dictionary from the tiles that failed to the errors, as text.

    Raises:
        StoreError: if the disk is full, or the store can't be written to.
        RuntimeError: if worker processes can't start.

    Examples:
        >>> from umbed_keras.stores.layout import Plan
        >>> plan = Plan({"what": "ones"}, [("", 4, 8)], {"": ((), "uint8")}, tile_size=4)
        >>> store = TiledStore.begin("ones.zarr", plan)
        >>> write_tiles(store, store.pending(), lambda tile: np.ones((4, 4)), verbose=0)
        {}
        >>> store.pending()
        []
    """
    if not tiles:
        return {}
    if client is not None:
        outcomes = _on_cluster(client, recipe, tiles)
    elif workers > 1:
        outcomes = _in_processes(recipe, tiles, min(workers, len(tiles)))
    else:
        write = functools.partial(_write, store, function)
        outcomes = _attempts(collections.deque(tiles), collections.Counter(), write)
    progress = keras.utils.Progbar(len(tiles), verbose=verbose, unit_name="tile")
    failed = {}
    for tile, error in outcomes:
        if error:
            failed[tile] = error
        progress.add(1)
    return failed


def tile_writer(recipe: Recipe) -> Callable[[Tile], str | None]:
    """Makes the function that computes and writes a tile.

    Args:
        recipe: `Recipe`.

    Returns:
        Function from a `Tile` to None, or to a str, the error if the tile could not be computed.
        It raises `StoreError` if the store can't be written to.

    Examples:
        >>> from umbed_keras.stores.layout import Plan
        >>> plan = Plan({"what": "ones"}, [("", 4, 4)], {"": ((), "uint8")}, tile_size=4)
        >>> store = TiledStore.begin("ones.zarr", plan)
        >>> recipe = Recipe("run 1", "ones.zarr", lambda: lambda tile: np.ones((4, 4)), ())
        >>> tile_writer(recipe)(store.pending()[0])
        >>> store.pending()
        []
    """
    return functools.partial(_write, TiledStore(recipe.store), recipe.make(*recipe.arguments))


def _write(store: TiledStore, function: Callable[[Tile], Any], tile: Tile) -> str | None:
    if store.is_done(tile):
        return None  # a Dask scheduler may ask twice
    try:
        store.write(tile, store.pool(tile) if tile.level else function(tile))
    except StoreError:
        raise  # other tiles can't be written either
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _attempts(
    queued: collections.deque[Tile],
    tries: collections.Counter[Tile],
    write: Callable[[Tile], str | None],
) -> Iterator[tuple[Tile, str | None]]:
    """Writes tiles; yields each once it is written, or has failed for the last time.

    Args:
        queued: deque of tiles, from which other threads may take tiles at the same time.
        tries: counter of failures, by tile.
        write: function from a tile to None, or to the reason why it failed.

    Yields:
        A tile and None or its error.
    """
    while True:
        try:
            tile = queued.popleft()
        except IndexError:
            return
        error = write(tile)
        if error:
            tries[tile] += 1
            if tries[tile] < TRIES:
                queued.append(tile)
                continue
        yield tile, error


def _in_processes(
    recipe: Recipe, tiles: Sequence[Tile], count: int
) -> Iterator[tuple[Tile, str | None]]:
    """Does the work of `_attempts` by processes on this machine, each served by a thread."""
    queued, tries = collections.deque(tiles), collections.Counter()
    outcomes = queue.SimpleQueue()

    def serve(worker):
        try:
            for outcome in _attempts(queued, tries, worker.write):
                outcomes.put(outcome)
        except BaseException as error:
            outcomes.put(error)

    workers = [_Worker(recipe, share) for share in worker_environments(count)]
    threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for _ in tiles:
            outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        queued.clear()
        for worker in workers:
            worker.end()


class _Worker:
    """A process that writes tiles, started when it is needed and again after its death."""

    def __init__(self, recipe: Recipe, environment: Mapping[str, str]) -> None:
        self._recipe, self._environment = recipe, {**os.environ, **environment}
        self._process, self._ended, self._starting = None, False, threading.Lock()

    def write(self, tile: Tile) -> str | None:
        """Has a tile written; returns None, or the reason why it failed."""
        if self._process is None:
            self._start()
        try:
            return self._ask(tile)
        except StoreError:
            raise
        except _NO_ANSWER:
            code, self._process = _kill(self._process), None
            return f"its process died ({code})"

    def end(self) -> None:
        with self._starting:
            self._ended = True
            if process := self._process:
                _kill(process)

    def _start(self) -> None:
        for _ in range(TRIES):
            with self._starting:
                if self._ended:
                    raise RuntimeError("There is no work any more.")
                self._process = subprocess.Popen(
                    [sys.executable, "-m", WORKER],
                    env=self._environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            try:
                self._ask(self._recipe)
                return
            except _NO_ANSWER:
                code = _kill(self._process)
        raise RuntimeError(f"A worker died {TRIES} times as it started ({code}).")

    def _ask(self, message: Recipe | Tile) -> str | None:
        pickle.dump(message, self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _kill(process: subprocess.Popen[Any]) -> int:
    """Ends a process, which may be alive although it gave no answer; returns its exit status."""
    process.kill()
    return process.wait()


def _on_cluster(
    client: Any, recipe: Recipe, tiles: Sequence[Tile]
) -> Iterator[tuple[Tile, str | None]]:
    """Does the work of `_attempts` by the workers of a Dask cluster."""
    distributed = import_extra("distributed", "stores")
    futures = client.map(
        functools.partial(_write_remotely, recipe), tiles, retries=TRIES - 1, pure=False
    )
    tiles_by_key = dict(zip((future.key for future in futures), tiles, strict=True))
    try:
        for future in distributed.as_completed(futures):
            error = future.exception()
            if isinstance(error, StoreError):
                raise error
            yield tiles_by_key[future.key], error and f"{type(error).__name__}: {error}"
    finally:
        client.cancel(futures)


# Threads of a Dask worker take turns: each would need the memory of a tile.
_turn = threading.Lock()
# The function of the last recipe by its key, the only part of a recipe that can always be hashed.
_last_tile_writer: dict[str, Callable[[Tile], str | None]] = {}


def _write_remotely(recipe: Recipe, tile: Tile) -> None:
    with _turn:
        if recipe.key not in _last_tile_writer:
            _last_tile_writer.clear()
            _last_tile_writer[recipe.key] = tile_writer(recipe)
        error = _last_tile_writer[recipe.key](tile)
    if error:
        raise RuntimeError(error)
