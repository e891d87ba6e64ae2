"""Computing on several threads what one range coder writes or reads in a fixed order."""

from collections import deque
from concurrent.futures import Future


def run_lanes(coder, lanes, threads):
    """Runs generators side by side, and what they ask of a coder in turn.

    A lane yields arguments of `coder.transfer` and is sent what that gives. Lane after lane is
    served, whichever is ready first: the order is that of the lanes.

    Args:
        coder: `Encoder` or `Decoder`.
        lanes: list of generators.
        threads: `concurrent.futures.ThreadPoolExecutor`, used where there are several lanes.
    """
    start = threads.submit if len(lanes) > 1 else _at_once
    running = deque((lane, start(_resume, lane, None)) for lane in lanes)
    while running:
        lane, step = running.popleft()
        request = step.result()
        if request is not None:
            running.append((lane, start(_resume, lane, coder.transfer(*request))))


def _resume(lane, answer):
    """What a lane asks for next; None at its end."""
    try:
        return lane.send(answer)
    except StopIteration:
        return None


def _at_once(function, *arguments):
    done = Future()
    done.set_result(function(*arguments))
    return done
