"""Writes a preset as an ONNX file, which runs without Keras.

umbed-keras export free_lite0_vae_d32 embed.onnx
umbed-keras export celeba_vqvae_k512 encode.onnx --what encode
"""

import argparse
from pathlib import Path

from umbed_keras.apps.process import load_library


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["celeba_vqvae_k512", "encode.onnx"]).what is None
        True
    """
    parser.add_argument(
        "preset", help="built-in name, folder, .keras file, hf://... or https://..."
    )
    parser.add_argument("file", type=Path, help=".onnx file to write")
    parser.add_argument(
        "--what",
        choices=["embed", "encode", "decode", "reconstruct"],
        help="the method of the model (default: embed, or encode of autoencoders)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if the file can't be written.
        ValueError: if there is no such preset, or its model has no such method.
        RuntimeError: if the export fails.
        ImportError: if an extra is missing.

    Examples:
        >>> run(argparse.Namespace(preset="celeba_vqvae_k512", what="embed", file=Path("a.onnx")))
        Traceback (most recent call last):
        ValueError: `what` must be one of ['decode', 'encode', 'reconstruct'] for VQVAE. ...
    """
    load_library()
    from umbed_keras.zoo import load_preset

    model = load_preset(args.preset)
    what = args.what or ("embed" if "embed" in model.graphs else "encode")
    model.export_onnx(args.file, what)
    size = args.file.stat().st_size
    print(f"{what} of {args.preset}, {type(model).__name__}: {args.file}, {size:,} bytes")
    return 0
