"""Embeds an image or a folder of images on disk into a Zarr store.

    python -m umbed_keras.stores.embed slide.tif vectors.zarr --preset natural_vae_d16

The same command continues after an interruption. The exit status is 0 if everything is written,
and 1 otherwise; a message then says what is wrong and lists the images and tiles that failed.

In a batch queue run the command n times, with `--shard 0/n` to `--shard n-1/n`. For a Dask cluster
whose workers have access to the same files pass `--scheduler`.
"""

import argparse
import signal
import sys

from umbed_keras.extras import import_extra
from umbed_keras.stores.embedding import DTYPES, embed_store


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="python -m umbed_keras.stores.embed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", help="image of any kind, or a folder of images")
    parser.add_argument("target", help="Zarr store to write")
    parser.add_argument("--preset", required=True, help="name, folder, hf://... or https://...")
    parser.add_argument("--codes", action="store_true", help="write codes instead of vectors")
    parser.add_argument("--dtype", choices=DTYPES, default=DTYPES[0], help="dtype of the vectors")
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    add_work_arguments(parser, memory_budget=1024)
    args = parser.parse_args()
    # An exception, unlike the signal alone, also ends the workers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        client = args.scheduler and import_extra("distributed", "stores").Client(args.scheduler)
        embed_store(
            args.preset,
            args.source,
            args.target,
            codes=args.codes,
            dtype=args.dtype,
            workers=args.workers,
            client=client,
            shard=args.shard,
            memory_budget=args.memory_budget << 20,
            axes=args.axes,
        )
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


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
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument("--workers", type=int, default=1, help="processes on this machine")
    workers.add_argument("--scheduler", help="address of a Dask scheduler, such as tcp://host:8786")
    workers.add_argument("--shard", type=_shard, help="i/n: the i-th of n parts, from 0")
    parser.add_argument(
        "--memory-budget",
        type=int,
        default=memory_budget,
        help=f"MiB of each worker (default: {memory_budget})",
    )


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    return int(index), int(count)


if __name__ == "__main__":
    main()
