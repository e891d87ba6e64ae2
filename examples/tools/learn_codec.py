"""Learns the entropy model of a preset, with which `compress` works, and adds it to the preset.

    python examples/tools/learn_codec.py PRESET IMAGES --size 128

IMAGES and the options must be those of the training (the card states the command). The last tenth
of the images, held out in training, is used for the final measurement only. The weights are not
changed. Writes `codec.h5` and adds the compressed bits per pixel to the card.
"""

import umbed_keras as uk

# isort: split
import argparse
from pathlib import Path

import numpy as np

from umbed_keras.zoo.preset_checks import read_preset

# isort: split
from umbed_keras.images.squares.sources import load_split

# Number of held-out pixels that the measurement uses at most, about.
MEASURED_PIXELS = 300 * 128 * 128


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", type=Path, help="folder of the preset")
    parser.add_argument("images", nargs="+", help="folders, tars or .npz files")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--tiles", action="store_true")
    parser.add_argument("--gray", action="store_true")
    return parser.parse_args()


def spread(images, pixels):
    """Returns evenly spaced images with about `pixels` pixels in total."""
    count = min(len(images), max(1, pixels // int(np.prod(images.shape[1:3]))))
    return images[np.linspace(0, len(images) - 1, count).astype(int)]


def main():
    args = arguments()
    splits = [
        load_split(source, args.size, args.limit, args.tiles, args.gray) for source in args.images
    ]
    train, others = map(np.concatenate, zip(*splits, strict=True))
    model = uk.zoo.load_preset(args.preset)
    print(f"{len(train)} images to learn from, {len(others)} held out")
    model.adapt_codec(train, verbose=2)
    # A model with a context needs no entropy model of its own.
    if model.codec_arrays:
        uk.zoo.write_codec(args.preset, model.codec_arrays)
    others = spread(others, MEASURED_PIXELS)
    streams = uk.zoo.load_preset(args.preset).compress(others)
    bits = 8 * sum(map(len, streams)) / np.prod(others.shape[:3])
    _, metadata = read_preset(args.preset)
    metrics = {**metadata["card"].get("metrics", {}), "compressed bits per pixel": float(bits)}
    uk.zoo.write_card(args.preset, metrics=metrics)
    print(f"{args.preset.name}: {bits:.4g} bits a pixel on {len(others)} held-out images")


if __name__ == "__main__":
    main()
