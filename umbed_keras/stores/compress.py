"""Compresses images to small files and decompresses them, by a preset.

    python -m umbed_keras.stores.compress photo.png --preset celeba_rvqvae_k512_s3
    python -m umbed_keras.stores.compress photo.png.umbed --preset celeba_rvqvae_k512_s3

The first command writes photo.png.umbed, the second photo.png.umbed.png. They need
umbed_keras[codec]. If something fails, a message says what, and the exit status is 1. Files are
written whole or not at all.
"""

import umbed_keras as uk

# isort: split
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from umbed_keras.files import written_whole
from umbed_keras.images.plane_pixels import PlanePixels
from umbed_keras.images.read_image import read_image
from umbed_keras.images.scaling import Scaling

_SUFFIX = ".umbed"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command.

    Args:
        arguments: list of str; None takes those of the process.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help=f"images, or *{_SUFFIX} to decompress")
    parser.add_argument("--preset", required=True, help="as `from_preset` takes it")
    parser.add_argument("--output", type=Path, help="folder; beside each file by default")
    args = parser.parse_args(arguments)
    try:
        sources = _sources(args.files, args.output)
        model = uk.zoo.load_preset(args.preset)
        for target, path in sources.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            (_decompress if path.suffix == _SUFFIX else _compress)(model, path, target)
            print(f"{path} -> {target}, {target.stat().st_size:,} bytes")
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _compress(model: Any, path: Path, target: Path) -> None:
    """Writes the stream of an image file."""
    image = read_image(path)
    eight_bits = image.dtype == np.uint8 and image.num_channels == (3 if image.is_rgb else 1)
    if not eight_bits or image.num_planes > 1:
        raise ValueError(
            f"{path} must be one image of 8 bits, in grey or colours: others lose what a stream of "
            f"8 bits has no room for. Received: {image!r}. `umbed_keras.Scaling` makes 0..1 of it."
        )
    group = image.channels if image.is_rgb else (0,) * model.channels
    pixels = PlanePixels(image, Scaling((0, 255)), (), group, model.channels)[:, :]
    stream = model.compress(pixels[None])[0]
    with written_whole(target) as new:
        new.write_bytes(stream)


def _decompress(model: Any, path: Path, target: Path) -> None:
    """Writes the image of a stream as PNG."""
    try:
        pixels = model.decompress([path.read_bytes()])[0]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pixels = np.round(255 * pixels).astype("uint8")
    image = Image.fromarray(pixels[..., 0] if model.channels == 1 else pixels)
    with written_whole(target) as new:
        image.save(new, "png")


def _sources(paths: Sequence[Path], folder: Path | None) -> dict[Path, Path]:
    """Returns a dictionary from the files to write to the files that they are made of.

    Raises:
        ValueError: if two files would be written to the same path.
    """
    sources = {}
    for path in paths:
        suffix = ".png" if path.suffix == _SUFFIX else _SUFFIX
        target = (folder or path.parent) / f"{path.name}{suffix}"
        if sources.setdefault(target, path) != path:
            raise ValueError(f"{sources[target]} and {path} would both become {target}.")
    return sources


if __name__ == "__main__":
    main()
