"""Writes a preset, a classifier or a project as an ONNX file, which runs without Keras.

umbed-keras export free_lite0_vae_d32 embed.onnx
umbed-keras export celeba_vqvae_k512 encode.onnx --what encode
umbed-keras export cells.umbed cells.onnx
umbed-keras export classifier.npz cells.onnx --dtype float32 --scaling 0,4095

The file of a classifier or of a project takes images in their own numbers, and returns the
probability of each class at each pixel. Its metadata name the classes.
"""

import argparse
import math
from pathlib import Path
from typing import Any

from umbed_keras.apps.process import load_library

# Files that `umbed-keras segment` and the page write.
_SUFFIXES = (".npz", ".umbed")


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
        "source",
        help="preset: built-in name, folder, .keras file, hf://... or https://...; or "
        "classifier.npz; or project.umbed",
    )
    parser.add_argument("file", type=Path, help=".onnx file to write")
    parser.add_argument(
        "--what",
        choices=["embed", "encode", "decode", "reconstruct"],
        help="the method of a preset's model (default: embed, or encode of autoencoders)",
    )
    parser.add_argument(
        "--dtype",
        choices=["uint8", "float32"],
        help="numbers of the images of a classifier; float32 holds 16 bits, too (default: uint8)",
    )
    parser.add_argument(
        "--scaling",
        type=_limits,
        metavar="LOW,HIGH",
        help="numbers that become 0 and 1, for a classifier whose scaling is fitted to each image, "
        "such as that of images of 16 bits; a negative number needs --scaling=LOW,HIGH",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status.

    Raises:
        OSError: if the file can't be written.
        ValueError: if there is no such preset, its model has no such method, or an option does not
            suit.
        RuntimeError: if the export fails.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["celeba_vqvae_k512", "a.onnx", "--what", "embed"]))
        Traceback (most recent call last):
        ValueError: `what` must be one of ['decode', 'encode', 'reconstruct'] for VQVAE. ...
    """
    load_library()
    path = Path(args.source)
    if path.suffix.lower() in _SUFFIXES and not path.is_dir():
        content = _export_classifier(args, path)
    else:
        content = _export_preset(args)
    print(f"{content}: {args.file}, {args.file.stat().st_size:,} bytes")
    return 0


def _export_preset(args: argparse.Namespace) -> str:
    from umbed_keras.zoo import load_preset

    for name in ("dtype", "scaling"):
        if getattr(args, name):
            raise ValueError(f"--{name} is for classifiers and projects, not for presets")
    model = load_preset(args.source)
    what = args.what or ("embed" if "embed" in model.graphs else "encode")
    model.export_onnx(args.file, what)
    return f"{what} of {args.source}, {type(model).__name__}"


def _export_classifier(args: argparse.Namespace, path: Path) -> str:
    from umbed_keras.images.scaling import Scaling
    from umbed_keras.segmentation import PixelClassifier, Project

    if args.what:
        raise ValueError("--what is for presets: a classifier's file returns its probabilities")
    options: dict[str, Any] = {"dtype": args.dtype or "uint8"}
    if args.scaling:
        options["scaling"] = Scaling(args.scaling)
    if path.suffix.lower() == ".npz":
        classifier = PixelClassifier.load(path)
    else:
        project = Project.load(path)
        classifier = project.fit()
        options["class_names"] = {number: kind.name for number, kind in project.classes.items()}
    classifier.export_onnx(args.file, **options)
    return f"probabilities of {len(classifier.classes_)} classes of {path}"


def _limits(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise argparse.ArgumentTypeError(
            f"must be LOW,HIGH, two numbers that rise, such as 0,4095. Received: {text!r}"
        )
    return low, high
