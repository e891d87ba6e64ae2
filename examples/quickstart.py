"""Embeds every pixel of a photograph with a bundled preset and draws the result.

python examples/quickstart.py [IMAGE] [--preset NAME] [--pixel ROW COL] [--output FIGURE]
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

import umbed_keras as uk

HERE = Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    # NASA's portrait of astronaut Eileen Collins, public domain.
    parser.add_argument("image", nargs="?", type=Path, default=HERE / "astronaut.jpg")
    parser.add_argument("--preset", default="free_lite0_vae_d32", help="preset of the vectors")
    parser.add_argument("--codes", default="free_lite0_vq_k64", help="preset of the codes")
    parser.add_argument(
        "--pixel",
        type=int,
        nargs=2,
        metavar=("ROW", "COL"),
        default=(110, 225),
        help="pixel that the others are compared with",
    )
    parser.add_argument("--output", type=Path, default=Path("quickstart.png"))
    args = parser.parse_args()

    model, coder = map(uk.PixelEmbedder.from_preset, (args.preset, args.codes))
    image = np.asarray(Image.open(args.image).convert("RGB"))

    def timed(name, function):
        start = time.perf_counter()
        result = function()
        print(f"{name}: {time.perf_counter() - start:.2f} s")
        return result

    height, width = image.shape[:2]
    print(f"{args.image.name}, {width} x {height} pixels, preset {args.preset}")
    vectors = timed("embedding", lambda: model.embed(image[None]))[0]
    rebuilt = timed("embedding and reconstruction", lambda: model.reconstruct(image[None]))[0]
    codes = timed(f"codes of {args.codes}", lambda: coder.encode(image[None]))

    mse = np.mean(np.square(rebuilt - image / 255.0))
    bits = coder.bottleneck.bits(codes)
    print(f"vectors: {vectors.shape}")
    print(f"PSNR: {-10 * np.log10(mse):.2f} dB (values in 0..1)")
    print(
        f"bits per pixel of the codes: {bits.fixed_length:.2f} fixed-length, "
        f"{bits.entropy_coded:.2f} entropy-coded (raw RGB: 24)"
    )
    code_map = codes["indices"][0] if "indices" in codes else None
    if code_map is not None and code_map.ndim == 3:
        code_map = code_map[..., 0]
    figure = uk.plots.embedding(image / 255.0, vectors, rebuilt, code_map, args.pixel)
    figure.savefig(args.output, dpi=60)
    print(f"figure: {args.output}")


if __name__ == "__main__":
    main()
