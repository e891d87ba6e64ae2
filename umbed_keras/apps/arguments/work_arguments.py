"""Arguments that say who does the work on a store."""

import argparse
import signal
import sys
from typing import Any

from umbed_keras.extras import import_extra


def add_work_arguments(parser: argparse.ArgumentParser, memory_budget: int) -> None:
    """Adds the arguments that say who does the work.

    Args:
        parser: `argparse.ArgumentParser`.
        memory_budget: int, default of `--memory-budget` in MiB.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_work_arguments(parser, memory_budget=1024)
        >>> parser.parse_args(["--workers", "2"]).workers
        2
    """
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument("--workers", type=int, default=1, help="processes on this machine")
    workers.add_argument("--scheduler", help="address of a Dask scheduler, such as tcp://host:8786")
    workers.add_argument("--shard", type=_shard, help="i/n: the i-th of n parts, from 0")
    parser.add_argument(
        "--memory-budget",
        type=int,
        default=memory_budget,
        help="MiB of each worker",
    )


def work_options(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the arguments as those of `embed_store` and `segment_store`.

    A signal to end the process then ends the workers as well.

    Args:
        args: parsed arguments.

    Raises:
        ImportError: if a scheduler is given and `distributed` is not installed.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_work_arguments(parser, memory_budget=1024)
        >>> work_options(parser.parse_args(["--shard", "0/4"]))["shard"]
        (0, 4)
    """
    # An exception, unlike the signal alone, also ends the workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    client = args.scheduler and import_extra("distributed", "stores").Client(args.scheduler)
    return {
        "workers": args.workers,
        "client": client,
        "shard": args.shard,
        "memory_budget": args.memory_budget << 20,
        "axes": args.axes,
    }


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit()):
        raise argparse.ArgumentTypeError(f"must be i/n, such as 0/4. Received: {text}")
    return int(index), int(count)
