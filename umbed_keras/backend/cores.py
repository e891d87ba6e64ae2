"""Dividing the cores and GPUs of a machine among worker processes."""

import os
import shutil
import subprocess


def worker_environments(count: int) -> list[dict[str, str]]:
    """Divides cores and GPUs among worker processes.

    Args:
        count: int, number of processes.

    Returns:
        List of environment variables, a dictionary for each process. Numbers of threads that the
        user has set are kept. GPUs go round if there are fewer than processes.

    Examples:
        >>> environments = worker_environments(2)
        >>> len(environments), int(environments[0]["OMP_NUM_THREADS"]) >= 1
        (2, True)
    """
    # The process may be confined to some of the cores.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, cores // count))
    common = {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads}
    common = {name: os.environ.get(name, value) for name, value in common.items()}
    gpus = visible_gpus()
    if not gpus:
        return [common] * count
    # JAX would otherwise allocate most of a GPU that it shares with other processes.
    common["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return [{**common, "CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} for number in range(count)]


def visible_gpus() -> list[str]:
    """Lists the GPUs that this process may use.

    Returns:
        List of str, numbers or identifiers for `CUDA_VISIBLE_DEVICES`.

    Examples:
        >>> all(isinstance(name, str) for name in visible_gpus())
        True
    """
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, _ in enumerate(listed.stdout.splitlines())]
