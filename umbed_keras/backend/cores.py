"""What each of several processes on one machine gets of it."""

import os
import shutil
import subprocess


def shares(count):
    """Each process's share of cores and GPUs, as environment variables.

    Args:
        count: int, processes.

    Returns:
        List of dictionaries. Numbers of threads that are set already stay as they are.
    """
    # Not all cores may be this process's.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, cores // count))
    common = {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
    common = {name: os.environ.get(name, value) for name, value in common.items()}
    devices = visible_devices()
    if not devices:
        return [common] * count
    # Else JAX takes most of a GPU that it shares with others.
    common["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return [
        {**common, "CUDA_VISIBLE_DEVICES": devices[number % len(devices)]}
        for number in range(count)
    ]


def visible_devices():
    """The GPUs' names, as `CUDA_VISIBLE_DEVICES` has them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, _ in enumerate(listed.stdout.splitlines())]
