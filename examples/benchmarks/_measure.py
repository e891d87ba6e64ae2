"""Arguments, times, memory and tables of the benchmarks."""

import argparse
import math
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import umbed_keras

# isort: split
# umbed_keras chooses the backend of Keras, so it is imported first.
import keras
import torch

# Present and peak memory of a process on Linux, and the file that resets the peak.
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def parser(description):
    """Returns an argument parser with the common arguments."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="device of both sides (default: cuda if PyTorch has it)",
    )
    parser.add_argument("--repeats", type=int, default=5, help="runs; the fastest counts")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, as a smoke test")
    return parser


def on(device):
    """Returns a scope in which Keras runs on `"cpu"` or `"cuda"`."""
    return keras.device({"cpu": "cpu", "cuda": "gpu"}[device])


def finish(result):
    """Waits until a result has been computed."""
    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready(result)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(repeats, *functions):
    """Measures the fastest run of each function, after a run to warm up.

    The functions alternate, so that other load of the machine affects all alike.
    """
    for function in functions:
        finish(function())
    fastest = [math.inf] * len(functions)
    for _ in range(repeats):
        for index, function in enumerate(functions):
            start = time.perf_counter()
            finish(function())
            fastest[index] = min(fastest[index], time.perf_counter() - start)
    return fastest


def peak_bytes(device, warm_up, prepare):
    """Measures the peak memory of a function beyond its inputs, in a process of its own.

    Args:
        device: `"cpu"` or `"cuda"`.
        warm_up: picklable function that returns the function on a small problem, which is run
            first so that libraries are loaded.
        prepare: picklable function that returns the function to measure.

    Returns:
        int, bytes, or None where it can't be measured (on CPUs without Linux).
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_peak_bytes, device, warm_up, prepare).result()


def _peak_bytes(device, warm_up, prepare):
    on_torch = keras.backend.backend() == "torch"
    if not (on_torch if device == "cuda" else RESET.exists()):
        return None
    with on(device):
        finish(warm_up()())
        function = prepare()
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            finish(function())
            return torch.cuda.max_memory_allocated() - before
        RESET.write_text("5")
        before = _status("VmRSS")
        finish(function())
        return _status("VmHWM") - before


def _status(name):
    """Reads a line of `STATUS`, in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def print_table(device, rows):
    """Prints measurements as a Markdown table, and the machine.

    Args:
        device: `"cpu"` or `"cuda"`.
        rows: tuples `(what, ours, theirs, unit)`, where `unit` is `duration` or `size`. A string
            instead of a number, the reason why there is none, is printed unchanged.
    """
    print(f"\n{_machine(device)}\n")
    print("| what | ours | theirs | ratio |")
    print("|---|---|---|---|")
    for what, ours, theirs, unit in rows:
        measured = not (isinstance(ours, str) or isinstance(theirs, str))
        figures = (figure if isinstance(figure, str) else unit(figure) for figure in (ours, theirs))
        print(f"| {what} | {' | '.join(figures)} | {_ratio(ours / theirs) if measured else ''} |")


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.2f} ms"


def size(count):
    return f"{count / 2**20:.0f} MiB"


def _ratio(value):
    return f"{value:.2f}x" if value >= 0.1 else f"1/{1 / value:.0f}"


def _machine(device):
    processor = platform.processor() or platform.machine()
    if device == "cuda":
        processor = torch.cuda.get_device_name()
    elif (information := Path("/proc/cpuinfo")).exists():
        names = [line for line in information.read_text().splitlines() if "model name" in line]
        processor = names[0].split(":")[1].strip() if names else processor
    backend = keras.backend.backend()
    versions = f"umbed_keras {umbed_keras.__version__} on {backend}, torch {torch.__version__}"
    return f"**{device}**: {processor}, {torch.get_num_threads()} CPU threads; {versions}"
