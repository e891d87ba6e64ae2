"""A coder serves the requests of several tasks in one order, whichever is ready first."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from umbed_keras.codec.range_coder import run_in_turns

pytestmark = pytest.mark.torch_alone


class Recorder:
    def __init__(self):
        self.asked = []

    def transfer(self, lane, step):
        self.asked.append((lane, step))
        return 10 * lane + step


def task(number, steps, wait=0.0):
    for step in range(steps):
        time.sleep(wait)
        assert (yield number, step) == 10 * number + step


@pytest.mark.parametrize("waits", [(0.02, 0, 0), (0, 0, 0.02)])
def test_tasks_take_turns(waits):
    recorder = Recorder()
    tasks = [task(number, 2 + number, wait) for number, wait in enumerate(waits)]
    with ThreadPoolExecutor(2) as threads:
        run_in_turns(recorder, tasks, threads)
    first = [(number, step) for step in range(2) for number in range(3)]
    assert recorder.asked == [*first, (1, 2), (2, 2), (2, 3)]


@pytest.mark.parametrize("count", [0, 1])
def test_one_task_and_none_need_no_thread(count):
    recorder = Recorder()
    run_in_turns(recorder, [task(0, 3)] * count, threads=None)
    assert recorder.asked == [(0, 0), (0, 1), (0, 2)][: 3 * count]


def test_errors_of_a_task_are_raised():
    def broken():
        yield 0, 0
        raise ValueError("damaged")

    with ThreadPoolExecutor(2) as threads, pytest.raises(ValueError, match="damaged"):
        run_in_turns(Recorder(), [task(1, 5), broken()], threads)
