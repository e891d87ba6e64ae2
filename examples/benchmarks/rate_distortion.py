"""Compares image autoencoders with JPEG, WebP and AVIF at the same number of bytes.

    python examples/benchmarks/rate_distortion.py IMAGES celeba_lapped_r1

Uses the held-out tenth of IMAGES, on which presets must not have been trained. Bits per pixel count
all bytes of `compress`, and files without headers. PSNR and LPIPS are means over images of 8-bit
values. The other codecs are interpolated at the rate of each preset over the logarithm of the rate;
of JPEG with and without chroma subsampling the better one counts.
"""

import argparse
import sys
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison.image_codecs import available, pillow_images

from umbed_keras.images.squares.sources import load_split
from umbed_keras.models.training.autoencoder_quality import mean

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
CODECS = {
    "JPEG": [("JPEG", {"subsampling": 0}), ("JPEG", {"subsampling": 2})],
    "WebP": [("WEBP", {})],
    "AVIF": [("AVIF", {})],
}


def qualities(images, rebuilt, lpips):
    """Computes PSNR and LPIPS of uint8 images."""
    lpips.reset_state()
    return mean(uk.metrics.PSNR(), images, rebuilt), mean(lpips, images, rebuilt)


def curve(images, lpips, kind, options):
    """Returns rows `(bits per pixel, PSNR, LPIPS)` of a codec by increasing rate."""
    coded = pillow_images(images, kind, QUALITIES, **options)
    return np.array([(bits, *qualities(images, rebuilt, lpips)) for _, _, bits, rebuilt in coded])


def at(rate, curves):
    """Returns the best PSNR and the best LPIPS of the curves of a codec at a rate."""
    psnr, distance = (
        [np.interp(np.log(rate), np.log(rows[:, 0]), rows[:, column]) for rows in curves]
        for column in (1, 2)
    )
    return max(psnr), min(distance)


def preset_point(handle, images, lpips):
    """Returns bits per pixel of `compress`, and PSNR and LPIPS of `decompress`."""
    model = uk.zoo.load_preset(handle)
    streams = model.compress(images)
    rebuilt = np.round(255 * model.decompress(streams)).astype("uint8")
    bits = 8 * sum(map(len, streams)) / images[..., 0].size
    return bits, *qualities(images, rebuilt, lpips)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    args = parser.parse_args()
    _, images = load_split(args.images, args.size)
    lpips = uk.metrics.LPIPS()
    others = {
        name: [curve(images, lpips, *variant) for variant in variants]
        for name, variants in CODECS.items()
        if available(variants[0][0])
    }
    print(f"{len(images)} images; PSNR in dB / LPIPS\n")
    print(f"| preset | bits per pixel | itself | {' | '.join(others)} |")
    print(f"|{' --- |' * (3 + len(others))}")
    for handle in args.presets:
        rate, *itself = preset_point(handle, images, lpips)
        cells = [itself, *(at(rate, curves) for curves in others.values())]
        texts = (f"{psnr:.2f} / {distance:.4f}" for psnr, distance in cells)
        print(f"| {Path(handle).name} | {rate:.3f} | {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main()
