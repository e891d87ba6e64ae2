"""Lists, describes and verifies presets.

umbed-keras presets list "celeba_*"
umbed-keras presets show free_lite0_vae_d32
umbed-keras presets verify runs/mine
"""

import argparse
from pathlib import Path
from typing import Any

from umbed_keras.apps.process import load_library

_HANDLE = "built-in name, folder, .keras file, hf://org/repo[@revision] or https://host/path/preset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> from umbed_keras.apps.arguments.command_parser import CommandParser
        >>> parser = CommandParser("umbed-keras presets")
        >>> add_arguments(parser)
        >>> parser.parse_args(["list"]).pattern
        '*'
    """
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("list", help="a table of the built-in presets")
    new.add_argument("pattern", nargs="?", default="*", help="of names, with * and ?")
    new = actions.add_parser("show", help="what a preset is, its licence and its quality")
    new.add_argument("preset", metavar="NAME", help=_HANDLE)
    new = actions.add_parser("verify", help="check the files of a preset, and load it")
    new.add_argument("preset", metavar="FOLDER", help=_HANDLE)


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        ValueError: if no preset has the name, or a preset is damaged.
        OSError: if a preset can't be read.

    Examples:
        >>> run(argparse.Namespace(action="list", pattern="celeba_vq_*"))
        name           class          parameters     size  ...
        celeba_vq_k16  PixelEmbedder     570,225  ...
        1 preset
        0
    """
    load_library()
    {"list": _list, "show": _show, "verify": _verify}[args.action](args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from umbed_keras.zoo import list_presets

    table = list_presets(args.pattern)
    if not table:
        raise ValueError(f"no preset has a name like {args.pattern!r}")
    print(table)
    print(f"{len(table)} preset{'s' * (len(table) > 1)}")


def _show(args: argparse.Namespace) -> None:
    path = _keras_file(args.preset)
    if path:
        from umbed_keras.zoo import load_preset

        model = load_preset(path)
        print(f"name: {path.name}\nclass: {type(model).__name__}\nfile: {path}")
        print(f"parameters: {model.count_params():,}\nsize: {path.stat().st_size:,} bytes")
        return
    folder, config, metadata = _read(args.preset)
    card = metadata.get("card", {})
    files = metadata.get("files", {})
    lines = {
        "name": folder.name,
        "class": config["class_name"],
        "folder": folder,
        "parameters": f"{metadata.get('parameter_count', 0):,}",
        "size": f"{sum(file['size'] for file in files.values()):,} bytes",
        **{key: card[key] for key in ("description", "license", "data", "protocol") if key in card},
        **card.get("metrics", {}),
    }
    for key, value in lines.items():
        print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")


def _verify(args: argparse.Namespace) -> None:
    from umbed_keras.zoo import load_preset

    path = _keras_file(args.preset)
    if path:
        model = load_preset(path)
        name, count = type(model).__name__, model.count_params()
        print(f"{path}: {name} with {count:,} parameters loads; it has no checksums")
        return
    folder, _, metadata = _read(args.preset)
    model = load_preset(folder)
    files = metadata.get("files", {})
    print(
        f"{folder}: {type(model).__name__} with {model.count_params():,} parameters loads; "
        f"{len(files)} files are as they were saved (SHA-256): {', '.join(files)}"
    )


def _keras_file(handle: str) -> Path | None:
    """The path of a `.keras` file; None if the handle is that of a preset."""
    from umbed_keras.zoo.keras_files import is_keras_file
    from umbed_keras.zoo.locations import find_preset

    path = find_preset(handle)
    return path if is_keras_file(path) else None


def _read(handle: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The folder of a preset, its configuration and its metadata, with checked files."""
    from umbed_keras.zoo.locations import find_preset
    from umbed_keras.zoo.preset_checks import read_preset

    folder = find_preset(handle)
    return folder, *read_preset(folder)
