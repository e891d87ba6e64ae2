"""Compresses images to small files.

  umbed-keras compress photo.png --preset celeba_lapped_r1

writes photo.png.umbed, which `umbed-keras decompress` turns into an image again by the same preset.
"""

import argparse
from pathlib import Path

from umbed_keras.apps.process import load_library

_SUFFIX = ".umbed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["a.png", "--preset", "celeba_lapped_r1"]).files[0].name
        'a.png'
    """
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="images")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that compression and decompression have.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_options(parser)
        >>> parser.parse_args(["--preset", "celeba_lapped_r1"]).preset
        'celeba_lapped_r1'
    """
    parser.add_argument(
        "--preset",
        required=True,
        help="built-in name, folder, .keras file, hf://... or https://...",
    )
    parser.add_argument("--output", type=Path, help="folder (default: that of each file)")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if a file can't be read or written.
        ValueError: if a file is no image, or is compressed already.
        ImportError: if an extra is missing.

    Examples:
        >>> run(argparse.Namespace(files=[Path("a.umbed")]))
        Traceback (most recent call last):
        ValueError: a.umbed is compressed already
    """
    for path in args.files:
        if path.suffix == _SUFFIX:
            raise ValueError(f"{path} is compressed already")
    load_library()
    from umbed_keras.stores.compress import compress_files

    for target, path in compress_files(args.files, args.preset, args.output).items():
        print(f"{path} -> {target}, {target.stat().st_size:,} bytes")
    return 0
