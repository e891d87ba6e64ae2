"""Segments an image or a folder of images on disk, of any size, into a Zarr store of classes.

  umbed-keras segment-store classifier.npz slide.tif classes.zarr

The same command continues after an interruption. If images or tiles failed, a message lists them.
"""

import argparse

from umbed_keras.apps.arguments.work_arguments import add_work_arguments, work_options
from umbed_keras.apps.process import load_library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["classifier.npz", "a.tif", "a.zarr"]).workers
        1
    """
    parser.add_argument("classifier", help="file of `umbed-keras segment` or the page")
    parser.add_argument("source", help="image of any kind, or a folder of images")
    parser.add_argument("target", help="Zarr store to write")
    parser.add_argument("--probabilities", action="store_true", help="write those of all classes")
    parser.add_argument("--uncertainty", action="store_true", help="write their entropy")
    add_work_arguments(parser, memory_budget=2048)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if a file can't be read or written.
        RuntimeError: if images or tiles failed.
        TypeError: as `umbed_keras.stores.segment_store`.
        ValueError: as `umbed_keras.stores.segment_store`.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["none.npz", "a.npy", "a.zarr"]))
        Traceback (most recent call last):
        FileNotFoundError: ...
    """
    load_library()
    from umbed_keras.stores import segment_store

    options = {"probabilities": args.probabilities, "uncertainty": args.uncertainty}
    options |= work_options(args)
    segment_store(args.classifier, args.source, args.target, **options)
    part = f" (part {args.shard[0]} of {args.shard[1]})" if args.shard else ""
    print(f"classes of {args.source} by {args.classifier}: {args.target}{part}")
    return 0
