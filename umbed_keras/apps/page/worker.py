"""A thread that computes: one step of one task after the other, the urgent ones first."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Task(NamedTuple):
    """Work to be done in steps.

    Args:
        name: what it does; a newer task of the same name supersedes it.
        rank: those of lower rank go first.
        start: function that returns an iterator, each step of which does a part of the work.

    Examples:
        >>> Task("answer", 0, lambda: iter([])).rank
        0
    """

    name: str
    rank: int
    start: Callable[[], Iterator[Any]]


class Worker:
    """Runs tasks in a thread of its own, of which a newer one supersedes that of the same name.

    Args:
        failed: function of the name of a task and of what it raised.
        changed: function of the names of all tasks that run or wait, called when they change.

    Examples:
        >>> worker, results = Worker(lambda name, error: None, lambda names: None), []
        >>> worker.submit(Task("fill", 0, lambda: (results.append(part) for part in range(3))))
        >>> worker.wait()
        >>> results
        [0, 1, 2]
        >>> worker.close()
    """

    def __init__(
        self,
        failed: Callable[[str, Exception], None],
        changed: Callable[[list[str]], None],
    ) -> None:
        self._failed, self._changed = failed, changed
        self._tasks: dict[str, tuple[int, Any, Iterator[Any] | None]] = {}
        self._condition = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="umbed page")
        self._thread.start()

    def submit(self, task: Task) -> None:
        """Runs a task in place of an earlier one of its name.

        Args:
            task: the task.
        """
        with self._condition:
            self._tasks[task.name] = (task.rank, task, None)
            self._condition.notify_all()
        self._tell()

    def cancel(self, name: str) -> None:
        """Ends a task after its present step.

        Args:
            name: name of the task.
        """
        with self._condition:
            self._tasks.pop(name, None)
            self._condition.notify_all()
        self._tell()

    def wait(self, timeout: float = 60) -> None:
        """Waits until no task is left.

        Args:
            timeout: seconds after which to give up.

        Raises:
            TimeoutError: if some are left then.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: not self._tasks, timeout):
                raise TimeoutError(f"still at work: {list(self._tasks)}")

    def close(self) -> None:
        """Ends all tasks after the present step."""
        with self._condition:
            self._closed = True
            self._tasks = {}
            self._condition.notify_all()
        self._thread.join(timeout=10)

    def _tell(self) -> None:
        with self._condition:
            names = list(self._tasks)
        self._changed(names)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._tasks or self._closed)
                if self._closed:
                    return
                name = min(self._tasks, key=lambda name: self._tasks[name][0])
                rank, task, steps = self._tasks[name]
            ended = False
            try:
                if steps is None:
                    steps = task.start()
                next(steps)
            except StopIteration:
                ended = True
            except Exception as error:
                ended = True
                self._failed(name, error)
            with self._condition:
                # Another task of this name may have come meanwhile.
                if name in self._tasks and self._tasks[name][1] is task:
                    if ended:
                        del self._tasks[name]
                    else:
                        self._tasks[name] = (rank, task, steps)
                self._condition.notify_all()
            if ended:
                self._tell()
