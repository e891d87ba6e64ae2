"""Decompresses files that `umbed-keras compress` wrote.

  umbed-keras decompress photo.png.umbed --preset celeba_lapped_r1

writes photo.png.umbed.png.
"""

import argparse
from pathlib import Path

from umbed_keras.apps.compress import add_options
from umbed_keras.apps.process import load_library

_SUFFIX = ".umbed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["a.png.umbed", "--preset", "celeba_lapped_r1"]).files[0].name
        'a.png.umbed'
    """
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="compressed files")
    add_options(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if a file can't be read or written.
        ValueError: if a file is not compressed, or by another preset.
        ImportError: if an extra is missing.

    Examples:
        >>> run(argparse.Namespace(files=[Path("a.png")]))
        Traceback (most recent call last):
        ValueError: a.png is not compressed: such files end in .umbed
    """
    for path in args.files:
        if path.suffix != _SUFFIX:
            raise ValueError(f"{path} is not compressed: such files end in {_SUFFIX}")
    load_library()
    from umbed_keras.stores.compress import compress_files

    for target, path in compress_files(args.files, args.preset, args.output).items():
        print(f"{path} -> {target}, {target.stat().st_size:,} bytes")
    return 0
