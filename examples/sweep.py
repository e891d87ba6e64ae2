"""Sweeps over latent dim, number of atoms and sparsity of pixel embedders.

    python examples/sweep.py IMAGES --output runs/sweep

IMAGES is a folder, a tar or an .npz. An interrupted sweep resumes when it is started again with the
same arguments. The output folder holds `trials.csv`, updated after each trial, and, at the end,
figures and `README.md` with the Pareto front: the trials whose error no trial of at most as many
bits reaches.
"""

import argparse
from pathlib import Path

import umbed_keras  # noqa: F401 (first: it chooses the backend of Keras)

# isort: split
import keras
from training.images import load_split

from umbed_keras.tuning import PixelEmbedderHyperModel, sweep

COLUMNS = ("latent_dim", "num_entries", "sparsity", "bits_per_pixel", "error", "seconds")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--output", type=Path, default=Path("runs/sweep"))
    parser.add_argument("--size", type=int, default=64, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, default=600, help="images at most")
    parser.add_argument(
        "--algorithm", choices=("random", "bayesian", "hyperband", "grid"), default="random"
    )
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--latent-dim", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--atoms", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--sparsity", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rate-weight", type=float, default=1e-5)
    parser.add_argument("--precision", default="float32", help="such as mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def page(result):
    """Writes the figures of a sweep and returns the text of its page."""
    lines = [
        "# Which latent dim, K and sparsity",
        "",
        "The Pareto front of bits per pixel and error (mean squared error of held-out patch "
        "pyramids, values in 0..1):",
        "",
        f"| {' | '.join(name.replace('_', ' ') for name in COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for row in result.pareto:
        cells = (row[name] for name in COLUMNS)
        texts = (f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells)
        lines.append(f"| {' | '.join(texts)} |")
    for name, figure in result.figures().items():
        figure.savefig(result.directory / f"{name}.png", dpi=70)
        lines += ["", f"![{name.replace('_', ' ')}]({name}.png)"]
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    keras.config.set_dtype_policy(args.precision)
    train, validation = load_split(args.images, args.size, args.limit)
    result = sweep(
        train,
        PixelEmbedderHyperModel(
            latent_dim=args.latent_dim,
            num_entries=args.atoms,
            sparsity=args.sparsity,
            rate_weight=args.rate_weight,
            seed=args.seed,
        ),
        validation_data=validation,
        algorithm=args.algorithm,
        max_trials=args.trials,
        epochs=args.epochs,
        directory=args.output,
        seed=args.seed,
    )
    seconds = sum(row["seconds"] or 0 for row in result.table)
    (result.directory / "README.md").write_text(page(result))
    print((result.directory / "README.md").read_text())
    print(f"{len(result.table)} trials, {seconds:.0f} s of training")


if __name__ == "__main__":
    main()
