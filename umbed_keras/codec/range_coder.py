"""The range coder of the library constriction, and its use by several computations in turn."""

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np

from umbed_keras.extras import import_extra


def _constriction() -> ModuleType:
    return import_extra("constriction", "codec").stream


@contextlib.contextmanager
def _as_damage() -> Iterator[None]:
    """Raises the assertions of constriction as ValueError."""
    try:
        yield
    except AssertionError as error:
        raise ValueError(f"The stream is damaged: {error}") from error


class Encoder:
    """Writes symbols with given frequencies.

    Raises:
        ImportError: if constriction is not installed.

    Examples:
        >>> encoder = Encoder()
        >>> frequencies = np.array([[1.0, 3.0], [2.0, 2.0]])
        >>> encoder.transfer(np.array([1, 0]), frequencies).tolist()
        [1, 0]
        >>> Decoder(encoder.data()).transfer(None, frequencies).tolist()
        [1, 0]
    """

    def __init__(self) -> None:
        stream = _constriction()
        self._coder = stream.queue.RangeEncoder()
        self._model = stream.model.Categorical
        self._family = self._model(perfect=False)

    def transfer(self, symbols: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
        """Writes symbols and returns them.

        Args:
            symbols: integers `(n,)`.
            frequencies: float64 `(n, size)`, whole numbers: the probability of each value of each
                symbol, up to a factor. 0 counts as the smallest probability that there is.

        Returns:
            `symbols`.
        """
        self._coder.encode(np.ascontiguousarray(symbols, "int32"), self._family, frequencies)
        return symbols

    def transfer_alike(
        self, symbols: np.ndarray, count: int, frequencies: np.ndarray
    ) -> np.ndarray:
        """Writes symbols that share their frequencies, and returns them.

        Args:
            symbols: integers `(count,)`.
            count: int, number of symbols.
            frequencies: float64 `(size,)`, as in `transfer`.

        Returns:
            `symbols`.
        """
        model = self._model(frequencies, perfect=False)
        self._coder.encode(np.ascontiguousarray(symbols, "int32"), model)
        return symbols

    def data(self) -> bytes:
        """Returns all that was written, in words of 4 bytes, little-endian."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class Decoder:
    """Reads the symbols that an `Encoder` wrote, with the same frequencies in the same order.

    Args:
        data: bytes, from `Encoder.data`.

    Raises:
        ValueError: if the number of bytes is not a multiple of 4.
        ImportError: if constriction is not installed.

    Examples:
        >>> encoder = Encoder()
        >>> _ = encoder.transfer_alike(np.array([0, 2]), 2, np.array([3.0, 0.0, 1.0]))
        >>> Decoder(encoder.data()).transfer_alike(None, 2, np.array([3.0, 0.0, 1.0])).tolist()
        [0, 2]
    """

    def __init__(self, data: bytes):
        if len(data) % 4:
            raise ValueError("The stream is damaged: it isn't whole.")
        stream = _constriction()
        self._coder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype("uint32"))
        self._model = stream.model.Categorical
        self._family = self._model(perfect=False)

    def transfer(self, symbols: np.ndarray | None, frequencies: np.ndarray) -> np.ndarray:
        """Reads symbols.

        Args:
            symbols: ignored; `Encoder.transfer` takes them.
            frequencies: float64 `(n, size)`, as in `Encoder.transfer`.

        Returns:
            int32 array `(n,)`.

        Raises:
            ValueError: if no encoder writes these bytes.
        """
        with _as_damage():
            return self._coder.decode(self._family, frequencies)

    def transfer_alike(
        self, symbols: np.ndarray | None, count: int, frequencies: np.ndarray
    ) -> np.ndarray:
        """Reads symbols that share their frequencies.

        Args:
            symbols: ignored; `Encoder.transfer_alike` takes them.
            count: int, number of symbols.
            frequencies: float64 `(size,)`, as in `Encoder.transfer`.

        Returns:
            int32 array `(count,)`.

        Raises:
            ValueError: if no encoder writes these bytes.
        """
        with _as_damage():
            return self._coder.decode(self._model(frequencies, perfect=False), count)

    def check_end(self) -> None:
        """Checks that all symbols have been read.

        Raises:
            ValueError: if there is more to read.
        """
        if not self._coder.maybe_exhausted():
            raise ValueError("The stream is damaged: it goes on beyond its codes.")


def run_in_turns(
    coder: Encoder | Decoder,
    tasks: Sequence[Generator[tuple[Any, ...], Any, Any]],
    threads: ThreadPoolExecutor,
) -> None:
    """Runs tasks on several threads, and serves their requests to one coder in a fixed order.

    A task is a generator. It yields the arguments of `coder.transfer` and is sent the result. The
    tasks are served one after the other, again and again, whichever is ready first.

    Args:
        coder: `Encoder` or `Decoder`.
        tasks: list of generators.
        threads: `ThreadPoolExecutor`, used if there are several tasks.

    Examples:
        >>> def task(symbols):
        ...     yield symbols, np.array([[1.0, 3.0]])
        >>> encoder = Encoder()
        >>> with ThreadPoolExecutor(2) as threads:
        ...     run_in_turns(encoder, [task(np.array([1])), task(np.array([0]))], threads)
        >>> Decoder(encoder.data()).transfer(None, np.array([[1.0, 3.0], [1.0, 3.0]])).tolist()
        [1, 0]
    """
    start = threads.submit if len(tasks) > 1 else _run_at_once
    running = deque((task, start(_next_request, task, None)) for task in tasks)
    while running:
        task, step = running.popleft()
        request = step.result()
        if request is not None:
            running.append((task, start(_next_request, task, coder.transfer(*request))))


def _next_request(task, answer):
    """Resumes a task with an answer, and returns its next request or None at its end."""
    try:
        return task.send(answer)
    except StopIteration:
        return None


def _run_at_once(function, *arguments):
    """Calls a function in this thread, with the interface of `ThreadPoolExecutor.submit`."""
    done = Future()
    done.set_result(function(*arguments))
    return done
