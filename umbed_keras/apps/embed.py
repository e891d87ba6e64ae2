"""Embeds an image or a folder of images on disk into a Zarr store.

  umbed-keras embed slide.tif vectors.zarr --preset natural_vae_d16

The same command continues after an interruption. If images or tiles failed, a message lists them.

In a batch queue run the command n times, with `--shard 0/n` to `--shard n-1/n`. For a Dask cluster
whose workers have access to the same files pass `--scheduler`.
"""

import argparse

from umbed_keras.apps.arguments.work_arguments import add_work_arguments, work_options
from umbed_keras.apps.process import load_library

_DTYPES = ("float32", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["a.tif", "a.zarr", "--preset", "natural_vae_d16"]).workers
        1
    """
    parser.add_argument("source", help="image of any kind, or a folder of images")
    parser.add_argument("target", help="Zarr store to write")
    parser.add_argument(
        "--preset", required=True, help="name, folder, .keras file, hf://... or https://..."
    )
    parser.add_argument("--codes", action="store_true", help="write codes instead of vectors")
    parser.add_argument("--dtype", choices=_DTYPES, default=_DTYPES[0], help="dtype of the vectors")
    add_work_arguments(parser, memory_budget=1024)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if a file can't be read or written.
        RuntimeError: if images or tiles failed.
        TypeError: as `umbed_keras.stores.embed_store`.
        ValueError: as `umbed_keras.stores.embed_store`.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["none.npy", "a.zarr", "--preset", "celeba_vq_k16"]))
        Traceback (most recent call last):
        FileNotFoundError: ...
    """
    load_library()
    from umbed_keras.stores import embed_store

    options = {"codes": args.codes, "dtype": args.dtype, **work_options(args)}
    embed_store(args.preset, args.source, args.target, **options)
    part = f" (part {args.shard[0]} of {args.shard[1]})" if args.shard else ""
    what = "codes" if args.codes else "vectors"
    print(f"{what} of {args.source} by {args.preset}: {args.target}{part}")
    return 0
