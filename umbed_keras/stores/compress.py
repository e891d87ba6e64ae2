"""Images as small files and back, by a preset.

    python -m umbed_keras.stores.compress photo.png --preset celeba_rvqvae_k512_s3
    python -m umbed_keras.stores.compress photo.png.umbed --preset celeba_rvqvae_k512_s3

The first writes photo.png.umbed, the second, of that, photo.png.umbed.png. Needs
umbed_keras[codec]. What fails is said, with exit status 1; files are written whole or not at all.
"""

import umbed_keras as uk

# isort: split
import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from umbed_keras.files import written_whole
from umbed_keras.images.image_files import open_image

SUFFIX = ".umbed"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help=f"images, or *{SUFFIX}, to go back")
    parser.add_argument("--preset", required=True, help="as `from_preset` takes it")
    parser.add_argument("--output", type=Path, help="folder; beside each file by default")
    args = parser.parse_args(arguments)
    try:
        sources = _sources(args.files, args.output)
        model = uk.zoo.load_preset(args.preset)
        for target, path in sources.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            (decompress if path.suffix == SUFFIX else compress)(model, path, target)
            print(f"{path} -> {target}, {target.stat().st_size:,} bytes")
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def compress(model, path, target):
    """Writes an image file as a stream."""
    stream = model.compress(open_image(path, model.channels)[None])[0]
    with written_whole(target) as new:
        new.write_bytes(stream)


def decompress(model, path, target):
    """Writes the image of a stream as PNG."""
    try:
        pixels = model.decompress([path.read_bytes()])[0]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pixels = np.round(255 * pixels).astype("uint8")
    image = Image.fromarray(pixels[..., 0] if model.channels == 1 else pixels)
    with written_whole(target) as new:
        image.save(new, "png")


def _sources(paths, folder):
    """Dictionary of what is to be written to what it is made of.

    Raises:
        ValueError: one path for two files.
    """
    sources = {}
    for path in paths:
        suffix = ".png" if path.suffix == SUFFIX else SUFFIX
        target = (folder or path.parent) / f"{path.name}{suffix}"
        if sources.setdefault(target, path) != path:
            raise ValueError(f"{sources[target]} and {path} would both become {target}.")
    return sources


if __name__ == "__main__":
    main()
