"""Processes that write the tiles of a store, on this machine or a Dask cluster."""

import collections
import functools
import os
import pickle
import queue
import subprocess
import sys
import threading
from typing import NamedTuple

import keras

from umbed_keras.backend.cores import shares
from umbed_keras.extras import import_extra
from umbed_keras.stores.tiled_store import StoreError, TiledStore

# How often a tile may fail.
TRIES = 3
# The module that a process on this machine runs.
WORKER = "umbed_keras.stores.process_main"
# What comes of asking a process that gives no answer.
SILENCE = (EOFError, OSError, pickle.UnpicklingError)


class Recipe(NamedTuple):
    """How a process that writes tiles comes by what goes into them.

    Args:
        key: str, the run's own: a process that has served another makes nothing of that.
        store: str, path of a `TiledStore`.
        make: function that can be imported; `make(*arguments)`, called once a process, gives the
            function from a `Tile` to what `TiledStore.write` takes.
        arguments: tuple of what can be pickled and hashed.
    """

    key: str
    store: str
    make: object
    arguments: tuple


def write_tiles(store, tiles, function, recipe=None, workers=1, client=None, verbose=1):
    """Writes tiles of a store; those that fail are tried again, three times in all.

    Args:
        store: `TiledStore`.
        tiles: list of `Tile`.
        function: from a `Tile` to what `store.write` takes.
        recipe: `Recipe` of it, for other processes.
        workers: int, processes on this machine, each with its share of cores and GPUs; one works
            in this process.
        client: `dask.distributed.Client`, whose workers do the work instead.
        verbose: 1 shows a progress bar, 0 nothing.

    Returns:
        Dictionary of the tiles that failed, to str, why.

    Raises:
        StoreError: the disk is full, or the store can't be written to.
        RuntimeError: processes can't start.
    """
    if not tiles:
        return {}
    if client is not None:
        outcomes = _on_cluster(client, recipe, tiles)
    elif workers > 1:
        outcomes = _in_processes(recipe, tiles, min(workers, len(tiles)))
    else:
        perform = functools.partial(_perform, store, function)
        outcomes = _attempts(collections.deque(tiles), collections.Counter(), perform)
    progress = keras.utils.Progbar(len(tiles), verbose=verbose, unit_name="tile")
    failed = {}
    for tile, error in outcomes:
        if error:
            failed[tile] = error
        progress.add(1)
    return failed


def performer(recipe):
    """The function that writes a tile, and returns why it couldn't, or None."""
    return functools.partial(_perform, TiledStore(recipe.store), recipe.make(*recipe.arguments))


def _perform(store, function, tile):
    if store.is_done(tile):
        return None  # a scheduler may ask twice
    try:
        store.write(tile, store.pool(tile) if tile.level else function(tile))
    except StoreError:
        raise  # nor can others be written
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _attempts(left, tries, perform):
    """Yields each tile that was written, with None, or that failed for the last time, with why.

    Args:
        left: deque of tiles, which others may take from, too.
        tries: counter of how often a tile failed.
        perform: function of a tile that returns why it failed, or None.
    """
    while True:
        try:
            tile = left.popleft()
        except IndexError:
            return
        error = perform(tile)
        if error:
            tries[tile] += 1
            if tries[tile] < TRIES:
                left.append(tile)
                continue
        yield tile, error


def _in_processes(recipe, tiles, count):
    """As `_attempts`, by processes on this machine, each served by a thread."""
    left, tries, outcomes = collections.deque(tiles), collections.Counter(), queue.SimpleQueue()

    def serve(worker):
        try:
            for outcome in _attempts(left, tries, worker.perform):
                outcomes.put(outcome)
        except BaseException as error:
            outcomes.put(error)

    workers = [_Worker(recipe, share) for share in shares(count)]
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
        left.clear()
        for worker in workers:
            worker.end()


class _Worker:
    """A process that writes tiles, started when it is needed and again when it has died."""

    def __init__(self, recipe, environment):
        self._recipe, self._environment = recipe, {**os.environ, **environment}
        self._process, self._ended, self._starting = None, False, threading.Lock()

    def perform(self, tile):
        """Has a tile written; returns why it wasn't, or None."""
        if self._process is None:
            self._start()
        try:
            return self._ask(tile)
        except StoreError:
            raise
        except SILENCE:
            code, self._process = _end(self._process), None
            return f"its process died ({code})"

    def end(self):
        with self._starting:
            self._ended = True
            if process := self._process:
                _end(process)

    def _start(self):
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
            except SILENCE:
                code = _end(self._process)
        raise RuntimeError(f"A worker died {TRIES} times as it started ({code}).")

    def _ask(self, message):
        pickle.dump(message, self._process.stdin)
        self._process.stdin.flush()
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _end(process):
    """Ends a process, which may live though it gave no answer; returns its exit status."""
    process.kill()
    return process.wait()


def _on_cluster(client, recipe, tiles):
    """As `_attempts`, by the workers of a Dask cluster."""
    distributed = import_extra("distributed", "stores")
    futures = client.map(
        functools.partial(_perform_remotely, recipe), tiles, retries=TRIES - 1, pure=False
    )
    places = dict(zip((future.key for future in futures), tiles, strict=True))
    try:
        for future in distributed.as_completed(futures):
            error = future.exception()
            if isinstance(error, StoreError):
                raise error
            yield places[future.key], error and f"{type(error).__name__}: {error}"
    finally:
        client.cancel(futures)


# A process's threads take turns: each would need the memory of a tile.
_turn = threading.Lock()
_performer = functools.lru_cache(maxsize=1)(performer)


def _perform_remotely(recipe, tile):
    with _turn:
        error = _performer(recipe)(tile)
    if error:
        raise RuntimeError(error)
