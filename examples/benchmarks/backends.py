"""Compares the vectors of a preset on PyTorch, TensorFlow and JAX.

    python examples/benchmarks/backends.py [IMAGES] [--preset NAME]

Each backend runs in its own process; all three must be installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1]
BACKENDS = ("torch", "tensorflow", "jax")
EMBED = """
import sys
import numpy as np
import umbed_keras as uk
model = uk.PixelEmbedder.from_preset(sys.argv[1])
np.save(sys.argv[3], model.embed(np.load(sys.argv[2])))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="?", help="folder, tar or .npz; else the bundled portrait")
    parser.add_argument("--preset", default="celeba_dl_k16_s4")
    parser.add_argument("--limit", type=int, default=64)
    args = parser.parse_args()
    from PIL import Image

    from umbed_keras.images.squares.cutting import square
    from umbed_keras.images.squares.sources import load_images

    if args.images:
        images = load_images(args.images, limit=args.limit)
    else:
        images = square(Image.open(EXAMPLES / "astronaut.jpg"), 512)[None]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "images.npy"
        np.save(source, images)
        vectors = {}
        for backend in BACKENDS:
            target = source.with_name(f"{backend}.npy")
            subprocess.run(
                [sys.executable, "-c", EMBED, args.preset, str(source), str(target)],
                env={**os.environ, "KERAS_BACKEND": backend},
                check=True,
            )
            vectors[backend] = np.load(target)
    spread = np.ptp(vectors["torch"])
    print(f"{len(images)} images of {images.shape[1]} x {images.shape[2]}, {args.preset}\n")
    print("| backend | pixels within 1e-4 of torch's range | largest difference of the rest |")
    print("|---|---|---|")
    for backend in BACKENDS[1:]:
        difference = np.abs(vectors[backend] - vectors["torch"]).max(axis=-1) / spread
        print(f"| {backend} | {np.mean(difference <= 1e-4):.4%} | {difference.max():.1e} |")


if __name__ == "__main__":
    main()
