"""Images as small files and back, by a preset.

    python -m umbed_keras.serving.compress photo.png --preset celeba_rvqvae_k512_s3
    python -m umbed_keras.serving.compress photo.umbed --preset celeba_rvqvae_k512_s3

The first writes photo.umbed, the second, of that, photo.umbed.png. Needs umbed_keras[codec].
"""

import umbed_keras as uk

# isort: split
import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SUFFIX = ".umbed"


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, help=f"images, or *{SUFFIX}, to go back")
    parser.add_argument("--preset", required=True, help="as `from_preset` takes it")
    parser.add_argument("--output", type=Path, help="folder; beside each file by default")
    args = parser.parse_args(arguments)
    model = uk.zoo.load_preset(args.preset)
    for path in args.files:
        folder = args.output or path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if path.suffix == SUFFIX:
            target = folder / f"{path.name}.png"
            decompress(model, path, target)
        else:
            target = folder / f"{path.stem}{SUFFIX}"
            compress(model, path, target)
        print(f"{path} -> {target}, {target.stat().st_size:,} bytes")


def compress(model, path, target):
    """Writes an image file as a stream."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("L" if model.channels == 1 else "RGB")
    image = np.asarray(image).reshape(1, image.height, image.width, model.channels)
    target.write_bytes(model.compress(image)[0])


def decompress(model, path, target):
    """Writes the image of a stream as PNG."""
    image = np.round(255 * model.decompress([path.read_bytes()])[0]).astype("uint8")
    Image.fromarray(image[..., 0] if model.channels == 1 else image).save(target)


if __name__ == "__main__":
    main()
