"""What the benchmarks share: arguments, clocks, memory and tables."""

import argparse
import math
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import umbed_keras

# isort: split
# umbed_keras chooses Keras's backend, so Keras comes after it.
import keras
import torch

# Linux's account of a process: its present and its peak memory, and where the peak is reset.
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def parser(description):
    """An argument parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="where both sides run (default: cuda if torch sees it)",
    )
    parser.add_argument("--repeats", type=int, default=5, help="runs; the fastest counts")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    return parser


def on(device):
    """A scope in which Keras works on `"cpu"` or `"cuda"`."""
    return keras.device({"cpu": "cpu", "cuda": "gpu"}[device])


def finish(result):
    """Waits until the device has computed `result`."""
    if keras.backend.backend() == "jax":
        import jax

        jax.block_until_ready(result)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(repeats, *functions):
    """The fastest run of each function after a first one that warms it up.

    They take turns, so that whatever else the machine does meets them alike.
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
    """The memory that a function needs at its peak beyond its inputs, in a process of its own.

    Args:
        device: str.
        warm_up, prepare: picklable functions that return the function; the former on a small
            problem, to load what is loaded once.

    Returns:
        int, or None where it can't be told (on the CPU: other systems than Linux).
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
    """A line of `STATUS`, in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def print_table(device, rows):
    """Prints what was measured as a Markdown table, with the machine above it.

    Args:
        device: str.
        rows: tuples of what was measured, our figure, theirs, and `duration` or `size`. A figure
            that is a string (why there is none) is printed as it stands.
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
