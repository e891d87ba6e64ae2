"""Runs a script that sweeps as a chief and workers on this machine.

    python -m umbed_keras.tuning.workers 3 sweep_my_images.py ARGUMENTS...

The script is run once for the chief, which hands out trials and goes on after `sweep` with its
result, and once for each worker, which ends there. Workers share the processor's cores, and the
devices in `CUDA_VISIBLE_DEVICES` in turn. A worker that dies is started again, and its trial with
it. On several machines, with the sweep's directory in reach of all, set KerasTuner's variables
yourself and run the script once for each:

    KERASTUNER_TUNER_ID     chief, or a worker's name, the same when it is started again
    KERASTUNER_ORACLE_IP    the chief's address
    KERASTUNER_ORACLE_PORT  a free port there
"""

import argparse
import os
import socket
import subprocess
import sys
import time

# A worker that dies more often than this has a reason that trying again won't mend.
MAX_STARTS = 5


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
    command = [sys.executable, args.script, *args.arguments]
    raise SystemExit(run(command, args.workers))


def run(command, count):
    """Runs a command as a chief and workers.

    Args:
        command: sequence of str.
        count: int, workers.

    Returns:
        The chief's exit status; 1 where all workers died too often.
    """
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    chief = _start(command, {**address, "KERASTUNER_TUNER_ID": "chief"})
    names = [f"worker{number}" for number in range(count)]
    environments = {
        name: {**address, **_share(number, count), "KERASTUNER_TUNER_ID": name}
        for number, name in enumerate(names)
    }
    workers = {name: _start(command, environments[name]) for name in names}
    starts = dict.fromkeys(names, 1)
    try:
        while chief.poll() is None:
            time.sleep(0.2)
            for name, worker in workers.items():
                if worker.poll() and starts[name] < MAX_STARTS:
                    print(f"{name} died ({worker.returncode}); started again", file=sys.stderr)
                    workers[name] = _start(command, environments[name])
                    starts[name] += 1
            if all(worker.poll() for worker in workers.values()):
                print("All workers died.", file=sys.stderr)
                return 1
        return chief.returncode
    finally:
        for process in (chief, *workers.values()):
            process.kill()
            process.wait()


def _start(command, environment):
    return subprocess.Popen(command, env={**os.environ, **environment})


def _share(number, count):
    """A worker's share of cores and devices, as environment variables."""
    cores = str(max(1, (os.cpu_count() or 1) // count))
    share = {"OMP_NUM_THREADS": cores, "TF_NUM_INTRAOP_THREADS": cores}
    devices = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    if devices:
        share["CUDA_VISIBLE_DEVICES"] = devices[number % len(devices)]
    return share


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
