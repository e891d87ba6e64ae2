"""Computing in a thread, of which only the newest task matters."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QTimer, Signal


class _Failure(NamedTuple):
    error: Exception


class Runner(QObject):
    """Runs one task at a time in a thread; a newer task supersedes those before it.

    A task is a function that returns an iterator, which is advanced in the thread. It stops between
    two of its results when a newer task is there. What it yields arrives in the main thread.
    """

    idle = Signal()
    failed = Signal(Exception)
    # Number of results that arrived, and of all that there will be, or 0.
    advanced = Signal(int, int)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Any = None
        self._waiting: tuple[Callable[[], Iterator[Any]], Callable[[Any], None], int] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._start)

    @property
    def is_busy(self) -> bool:
        """Whether a task runs or waits."""
        return self._worker is not None or self._waiting is not None

    def submit(
        self,
        task: Callable[[], Iterator[Any]],
        receive: Callable[[Any], None],
        delay: int = 0,
        total: int = 0,
    ) -> None:
        """Runs a task as soon as an earlier one has stopped.

        Args:
            task: function that returns an iterator; it is called in the thread.
            receive: function that gets what the iterator yields, in the main thread.
            delay: milliseconds to wait for a still newer task.
            total: how many results there will be, for the bar in the activity dock; 0 if that is
                not known.
        """
        self._waiting = (task, receive, total)
        if self._worker is not None:
            self._worker.quit()
        self._timer.start(delay)

    def cancel(self) -> None:
        """Stops the running task after its present step, and forgets one that waits."""
        self._timer.stop()
        self._waiting = None
        if self._worker is not None:
            self._worker.quit()
        else:
            self.idle.emit()

    def _start(self) -> None:
        if self._worker is not None or self._waiting is None:
            return  # `_finish` starts it
        (task, receive, total), self._waiting = self._waiting, None

        counted = [0]
        self.advanced.emit(0, total)

        def work() -> Iterator[Any]:
            try:
                yield from task()
            except Exception as error:  # of a RuntimeError the worker would not tell
                yield _Failure(error)

        progress = {"desc": "umbed", "total": total}
        worker: Any = create_worker(work, _start_thread=False, _progress=progress)

        def handle(result: Any) -> None:
            if worker is not self._worker or worker.abort_requested:
                return  # superseded
            if isinstance(result, _Failure):
                self.failed.emit(result.error)
                return
            counted[0] += 1
            self.advanced.emit(counted[0], total)
            receive(result)

        worker.yielded.connect(handle)
        worker.finished.connect(self._finish)
        self._worker = worker
        worker.start()

    def _finish(self) -> None:
        self._worker = None
        if self._waiting is None:
            self.idle.emit()
        elif not self._timer.isActive():
            self._start()
