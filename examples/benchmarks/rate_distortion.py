"""Image autoencoders beside JPEG, WebP and AVIF at the same real bytes.

    python examples/benchmarks/rate_distortion.py IMAGES --presets celeba_lapped_r1

On the held-out tenth of IMAGES, which no preset has seen. Bits per pixel are those of the bytes
that `compress` gives, and of files without what comes before their first scan (JPEG, optimised
tables). PSNR and LPIPS are means over images. Beside each preset stands what the others have at
its rate, interpolated over the logarithm of the rate: JPEG with or without chroma subsampling,
whichever is better.
"""

import argparse
import io
import json
import sys
from pathlib import Path

import umbed_keras as uk

# isort: split
import keras
import numpy as np
from PIL import Image, features

sys.path.insert(0, str(Path(__file__).parents[1]))
from training.autoencoder_quality import mean
from training.images import load_split

from umbed_keras.zoo.presets import CONFIG, find_preset

QUALITIES = (5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95)
START_OF_SCAN = b"\xff\xda"
CODECS = {
    "JPEG": [
        ("JPEG", {"optimize": True, "subsampling": 0}),
        ("JPEG", {"optimize": True, "subsampling": 2}),
    ],
    "WebP": [("WEBP", {"method": 6})],
    "AVIF": [("AVIF", {"speed": 4})],
}


def coded(images, kind, quality, options):
    """Bits per pixel without JPEG's header, and the decoded images."""
    total, decoded = 0, []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, kind, quality=quality, **options)
        data = file.getvalue()
        total += len(data) - (data.index(START_OF_SCAN) if kind == "JPEG" else 0)
        decoded.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    return 8 * total / images[..., 0].size, np.stack(decoded)


def quality_of(images, rebuilt, lpips):
    """PSNR and LPIPS of images as they would be stored, uint8."""
    if rebuilt.dtype != "uint8":
        rebuilt = np.round(255 * rebuilt).astype("uint8")
    lpips.reset_state()
    return mean(uk.metrics.PSNR(), images, rebuilt), mean(lpips, images, rebuilt)


def curves(images, lpips):
    """Of each codec its curves: arrays of rows `(bits per pixel, PSNR, LPIPS)`."""
    found = {}
    for name, variants in CODECS.items():
        if name == "JPEG" or features.check(name.lower()):
            found[name] = [
                np.array(
                    [
                        (rate, *quality_of(images, rebuilt, lpips))
                        for rate, rebuilt in (
                            coded(images, kind, quality, options) for quality in QUALITIES
                        )
                    ]
                )
                for kind, options in variants
            ]
    return found


def at(rate, variants):
    """The best PSNR and the best LPIPS that a codec's curves have at a rate."""
    points = [
        [np.interp(np.log(rate), np.log(curve[:, 0]), curve[:, column]) for column in (1, 2)]
        for curve in variants
    ]
    return max(point[0] for point in points), min(point[1] for point in points)


def preset_point(handle, images, lpips):
    """Bits per pixel of what `compress` gives, PSNR and LPIPS of what `decompress` does."""
    config = json.loads((find_preset(handle) / CONFIG).read_text())
    model = keras.saving.get_registered_object(config["registered_name"]).from_preset(handle)
    streams = model.compress(images)
    rebuilt = np.stack(model.decompress(streams))
    return 8 * sum(map(len, streams)) / images[..., 0].size, *quality_of(images, rebuilt, lpips)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--presets", nargs="+", required=True)
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="held-out images at most")
    args = parser.parse_args()
    images = load_split(args.images, args.size)[1][: args.limit]
    lpips = uk.metrics.LPIPS()
    others = curves(images, lpips)
    print(f"{len(images)} images; PSNR in dB / LPIPS\n")
    print(f"| preset | bits per pixel | itself | {' | '.join(others)} |")
    print("| --- " * (3 + len(others)) + "|")
    for handle in args.presets:
        rate, *itself = preset_point(handle, images, lpips)
        cells = [itself, *(at(rate, variants) for variants in others.values())]
        shown = (f"{psnr:.2f} / {distance:.4f}" for psnr, distance in cells)
        print(f"| {Path(handle).name} | {rate:.3f} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
