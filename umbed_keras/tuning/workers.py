"""Runs a script that sweeps as a chief and workers on this machine.

    python -m umbed_keras.tuning.workers 3 sweep_my_images.py ARGUMENTS...

The script is run once for the chief, which hands out trials and goes on after `sweep` with its
result, and once for each worker, which ends there. Workers share the processor's cores, and the
GPUs (those in `CUDA_VISIBLE_DEVICES`, or all) in turn. A worker that dies is started again, and
its trial with it; a trial by which three have died is recorded as failed.

On several machines, with the sweep's directory in reach of all, set KerasTuner's variables yourself
and run the script once for each:

    KERASTUNER_TUNER_ID     chief, or a worker's name, the same when it is started again
    KERASTUNER_ORACLE_IP    the chief's address
    KERASTUNER_ORACLE_PORT  a free port there
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time

from umbed_keras.backend.cores import shares

# Deaths, for each worker, after which no more are started: the reason is not a trial's.
MAX_DEATHS = 20
# Seconds that the chief may take to end after the last worker.
PATIENCE = 60


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workers", type=int)
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.workers < 1:
        parser.error(f"workers must be at least 1. Received: {args.workers}")
    # Ended politely, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    command = [sys.executable, args.script, *args.arguments]
    raise SystemExit(run(command, args.workers))


def run(command, count):
    """Runs a command as a chief and workers.

    Args:
        command: sequence of str.
        count: int, workers.

    Returns:
        The chief's exit status; 1 where it waits and no worker is left.
    """
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    names = [f"worker{number}" for number in range(count)]
    environments = {
        name: {**address, **share, "KERASTUNER_TUNER_ID": name}
        for name, share in zip(names, shares(count), strict=True)
    }
    chief, workers, deaths, left = None, {}, 0, PATIENCE
    try:
        chief = _start(command, {**address, "KERASTUNER_TUNER_ID": "chief"})
        workers.update({name: _start(command, environments[name]) for name in names})
        while chief.poll() is None and left > 0:
            time.sleep(0.2)
            for name, worker in workers.items():
                if worker.poll() and deaths < MAX_DEATHS * count:
                    print(f"{name} died ({worker.returncode}); started again", file=sys.stderr)
                    workers[name] = _start(command, environments[name])
                    deaths += 1
            some_work = any(worker.poll() is None for worker in workers.values())
            left = PATIENCE if some_work else left - 0.2
        if chief.poll() is None:
            print("No worker is left, and the sweep isn't at its end.", file=sys.stderr)
            return 1
        return chief.returncode
    finally:
        for process in filter(None, (chief, *workers.values())):
            process.kill()
            process.wait()


def _start(command, environment):
    return subprocess.Popen(command, env={**os.environ, **environment})


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
