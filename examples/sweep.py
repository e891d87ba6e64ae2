"""Compares pixel embedders of several sizes by their error and their bits.

    python examples/sweep.py IMAGES --output runs/sweep
    python -m umbed_keras.tuning.workers 3 examples/sweep.py IMAGES --output runs/sweep

IMAGES is an .npz file of uint8 images `(n, height, width, channels)`. From the shell, on folders
and tars: `umbed-keras sweep`.
"""

import argparse

import numpy as np

from umbed_keras.tuning import PixelEmbedderHyperModel, sweep


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--output", default="runs/sweep")
    args = parser.parse_args()

    with np.load(args.images) as arrays:
        images = arrays[arrays.files[0]]
    # Each size is one value, or a list of values to choose from.
    space = PixelEmbedderHyperModel(
        latent_dim=[4, 8, 16, 32], num_entries=[16, 64, 256], sparsity=[1, 2, 4, 8]
    )
    # An interrupted sweep resumes when it is started again.
    result = sweep(images, space, max_trials=args.trials, epochs=4, directory=args.output)
    for row in result.pareto:
        print(f"{row['bits_per_pixel']:.0f} bits per pixel: error {row['error']:.4f}")
    for name, figure in result.figures().items():
        figure.savefig(result.directory / f"{name}.png")
    result.best_model(max_bits=30).save_to_preset(f"{args.output}/preset")


if __name__ == "__main__":
    main()
