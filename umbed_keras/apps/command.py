"""The command `umbed-keras`: its subcommands, and what it does with errors."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from umbed_keras.apps.arguments.command_parser import CommandParser
from umbed_keras.apps.process import runs_command
from umbed_keras.version import __version__

# Subcommand, which has the name of its module, to a line of help.
COMMANDS = {
    "presets": "list, describe and verify presets",
    "page": "open a page in the browser on which a few strokes segment images",
    "napari": "open napari, with the plugin that segments images from strokes",
    "segment": "segment images into the classes of a few stroked pixels",
    "measure": "measure the objects of masks, as a table",
    "train": "train a pixel embedder on your own images",
    "autoencode": "train an image autoencoder on your own images",
    "sweep": "train pixel embedders of many sizes, and compare them",
    "embed": "write the vectors or codes of all pixels of images to a Zarr store",
    "segment-store": "write the classes of all pixels of large images to a Zarr store",
    "compress": "compress images to small files",
    "decompress": "decompress files that `compress` wrote",
    "export": "write a preset, classifier or project as an ONNX file, which runs without Keras",
}
# What files that can't be used, missing packages and wrong arguments raise.
ERRORS = (ImportError, OSError, RuntimeError, TypeError, ValueError)


def command_parser() -> CommandParser:
    """Makes the parser of the name of a subcommand.

    Examples:
        >>> command_parser().parse_args(["presets"]).command
        'presets'
    """
    lines = [f"  {name:<13} {text}" for name, text in COMMANDS.items()]
    parser = CommandParser(
        "umbed-keras",
        "A small vector for every pixel, and what follows from it: segmentation from a few\n"
        "strokes, measurements, compression.",
        usage="umbed-keras [-h] [--version] COMMAND ...",
        epilog="\n".join(["commands:", *lines, "", "umbed-keras COMMAND --help says more."]),
    )
    parser.add_argument("--version", action="version", version=f"umbed-keras {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="see below")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: list of str; None takes those of the process.

    Returns:
        The exit status: 0, or 1 if some files were left out. Other errors end the process with
        status 2 and a message of one line.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    name = command_parser().parse_args(arguments[:1]).command
    module = importlib.import_module(f"umbed_keras.apps.{name.replace('-', '_')}")
    parser = CommandParser(f"umbed-keras {name}", module.__doc__)
    if runs_command():
        warnings.showwarning = _show_warning
    try:
        module.add_arguments(parser)
        args = parser.parse_args(arguments[1:])
        args.arguments = arguments
        return module.run(args)
    except ERRORS as error:
        parser.error(_message(error))
    except KeyboardInterrupt:
        return 130  # as a shell reports it


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    """Shows a warning to users in one line, and none that is for developers."""
    if issubclass(category, UserWarning):
        print(f"umbed-keras: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
