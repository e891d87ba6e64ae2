"""Runs a script that sweeps as one chief and several workers on this machine.

    python -m umbed_keras.tuning.workers 3 sweep_my_images.py ARGUMENTS...

The script runs once as the chief and once for each worker. The chief hands out trials, and `sweep`
returns the result only there; in a worker, `sweep` ends the process. Workers share the cores of the
processor, and each gets one GPU in turn (of those in `CUDA_VISIBLE_DEVICES`, or of all). A worker
that dies is restarted together with its trial. A trial that has killed three workers is recorded as
failed.

To use several machines that share the directory of the sweep, set the variables of KerasTuner and
run the script once for each process:

    KERASTUNER_TUNER_ID     "chief", or the name of a worker, which keeps it when it is restarted
    KERASTUNER_ORACLE_IP    address of the chief
    KERASTUNER_ORACLE_PORT  free port of the chief's machine
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from umbed_keras.backend.cores import worker_environments

# Deaths per worker after which none is restarted: the cause is not a single trial.
MAX_DEATHS = 20
# Seconds that the chief may run on after the last worker has ended.
PATIENCE = 60


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workers", type=int)
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.workers < 1:
        parser.error(f"workers must be at least 1. Received: {args.workers}")
    # On SIGTERM, the processes are ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    command = [sys.executable, args.script, *args.arguments]
    raise SystemExit(run_workers(command, args.workers))


def run_workers(command: Sequence[str], count: int) -> int:
    """Runs a command as a chief and workers.

    Args:
        command: sequence of str, program and arguments.
        count: int, number of workers.

    Returns:
        int, exit status of the chief; 1 if the chief still waits after all workers have ended.

    Examples:
        >>> run_workers([sys.executable, "-c", "exit(3)"], 1)
        3
    """
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    names = [f"worker{number}" for number in range(count)]
    environments = {
        name: {**address, **share, "KERASTUNER_TUNER_ID": name}
        for name, share in zip(names, worker_environments(count), strict=True)
    }
    chief, workers, deaths, left = None, {}, 0, PATIENCE
    try:
        chief = _start(command, {**address, "KERASTUNER_TUNER_ID": "chief"})
        workers.update({name: _start(command, environments[name]) for name in names})
        while chief.poll() is None and left > 0:
            time.sleep(0.2)
            for name, worker in workers.items():
                if worker.poll() and deaths < MAX_DEATHS * count:
                    print(f"{name} died ({worker.returncode}); restarted", file=sys.stderr)
                    workers[name] = _start(command, environments[name])
                    deaths += 1
            some_work = any(worker.poll() is None for worker in workers.values())
            left = PATIENCE if some_work else left - 0.2
        if chief.poll() is None:
            print("All workers have ended before the sweep was finished.", file=sys.stderr)
            return 1
        return chief.returncode
    finally:
        for process in filter(None, (chief, *workers.values())):
            process.kill()
            process.wait()


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[Any]:
    return subprocess.Popen(command, env={**os.environ, **environment})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
