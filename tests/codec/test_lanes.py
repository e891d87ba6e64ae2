"""Whichever thread is ready first, a coder is asked in one order."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from umbed_keras.codec.lanes import run_lanes

pytestmark = pytest.mark.torch_alone


class Recorder:
    def __init__(self):
        self.asked = []

    def transfer(self, lane, step):
        self.asked.append((lane, step))
        return 10 * lane + step


def lane(number, steps, wait=0.0):
    for step in range(steps):
        time.sleep(wait)
        assert (yield number, step) == 10 * number + step


@pytest.mark.parametrize("waits", [(0.02, 0, 0), (0, 0, 0.02)])
def test_lanes_take_turns(waits):
    recorder = Recorder()
    lanes = [lane(number, 2 + number, wait) for number, wait in enumerate(waits)]
    with ThreadPoolExecutor(2) as threads:
        run_lanes(recorder, lanes, threads)
    first = [(number, step) for step in range(2) for number in range(3)]
    assert recorder.asked == [*first, (1, 2), (2, 2), (2, 3)]


@pytest.mark.parametrize("count", [0, 1])
def test_one_lane_and_none_need_no_thread(count):
    recorder = Recorder()
    run_lanes(recorder, [lane(0, 3)] * count, threads=None)
    assert recorder.asked == [(0, 0), (0, 1), (0, 2)][: 3 * count]


def test_what_goes_wrong_in_a_lane_is_raised():
    def broken():
        yield 0, 0
        raise ValueError("damaged")

    with ThreadPoolExecutor(2) as threads, pytest.raises(ValueError, match="damaged"):
        run_lanes(Recorder(), [lane(1, 5), broken()], threads)
