"""Image autoencoders beside JPEG, WebP and AVIF at the same real bytes.

    python examples/benchmarks/rate_distortion.py IMAGES celeba_lapped_r1

On the held-out tenth of IMAGES, which presets must not have seen. Bits per pixel are those of the
whole bytes that `compress` gives, and of files without headers. PSNR and LPIPS are means over
images, of values rounded to 8 bits. Beside each preset stands what the others have at its rate,
interpolated over the logarithm of the rate: of JPEG with and without chroma subsampling what is
better.
"""

import argparse
import sys
from pathlib import Path

import umbed_keras as uk

# isort: split
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison.image_codecs import available, pillow_images
from training.autoencoder_quality import mean
from training.images import load_split

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
CODECS = {
    "JPEG": [("JPEG", {"subsampling": 0}), ("JPEG", {"subsampling": 2})],
    "WebP": [("WEBP", {})],
    "AVIF": [("AVIF", {})],
}


def qualities(images, rebuilt, lpips):
    """PSNR and LPIPS of uint8 images."""
    lpips.reset_state()
    return mean(uk.metrics.PSNR(), images, rebuilt), mean(lpips, images, rebuilt)


def curve(images, lpips, kind, options):
    """Rows `(bits per pixel, PSNR, LPIPS)` of a codec, by rising rate."""
    coded = pillow_images(images, kind, QUALITIES, **options)
    return np.array([(bits, *qualities(images, rebuilt, lpips)) for _, _, bits, rebuilt in coded])


def at(rate, curves):
    """The best PSNR and the best LPIPS that curves of a codec have at a rate."""
    psnr, distance = (
        [np.interp(np.log(rate), np.log(rows[:, 0]), rows[:, column]) for rows in curves]
        for column in (1, 2)
    )
    return max(psnr), min(distance)


def preset_point(handle, images, lpips):
    """Bits per pixel of what `compress` gives, PSNR and LPIPS of what `decompress` does."""
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
        shown = (f"{psnr:.2f} / {distance:.4f}" for psnr, distance in cells)
        print(f"| {Path(handle).name} | {rate:.3f} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
