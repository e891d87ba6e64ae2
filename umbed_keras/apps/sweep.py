"""Trains pixel embedders of many sizes, and shows which are worth their bits.

  umbed-keras sweep PHOTOS --latent-dim 8 16 --atoms 16 64 --sparsity 1 2 4 --output runs/sweep
  umbed-keras sweep PHOTOS.tar --workers 3 --preset runs/best --max-bits 30

IMAGES is a folder, a tar, an .npz file or cifar10; the last tenth of the images is held out.

The same command resumes after an interruption. The output folder holds trials.csv, updated after
each trial, and, at the end, README.md with the Pareto front (the trials whose error no trial of at
most as many bits reaches) and figures. --preset stores the best model.
"""

import argparse
import os
import sys
from pathlib import Path

from umbed_keras.apps.process import load_library

# As in `umbed_keras.tuning`.
_ALGORITHMS = ("random", "bayesian", "hyperband", "grid")
_BOTTLENECKS = ("gaussian", "vector", "residual", "dictionary", "scalar", "density")
# A process has this variable if it is the chief or a worker of a sweep.
_ROLE = "KERASTUNER_TUNER_ID"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["photos", "--sparsity", "2"]).sparsity
        [2]
    """
    add = parser.add_argument
    add("images", help="folder, tar, .npz file or cifar10")
    add("--output", type=Path, default=Path("runs/sweep"), help="folder of the sweep")
    add("--size", type=int, default=64, help="images are cut to squares of this side")
    add("--limit", type=int, default=600, help="images at most")
    add("--algorithm", choices=_ALGORITHMS, default=_ALGORITHMS[0], help="how trials are chosen")
    add("--trials", type=int, default=24, help="models to train at most")
    add("--epochs", type=int, default=4, help="passes over the images, for each model")
    kinds = ["dictionary"]
    add("--bottleneck", nargs="+", choices=_BOTTLENECKS, default=kinds, help="kinds to try")
    add("--latent-dim", type=int, nargs="+", default=[4, 8, 16, 32], help="values to try")
    add("--atoms", type=int, nargs="+", default=[16, 64, 256], help="K: values to try")
    add("--sparsity", type=int, nargs="+", default=[1, 2, 4, 8], help="S: values to try")
    add("--rate-weight", type=float, default=1e-5, help="error that a bit per pixel is worth")
    add("--precision", default="float32", help="such as mixed_bfloat16")
    add("--seed", type=int, default=0, help="of the models and the choice of trials")
    add("--workers", type=int, default=1, help="trials that are trained at once")
    add("--preset", type=Path, help="folder for the best model (default: it is not stored)")
    add("--max-bits", type=float, help="bits per pixel of the best model at most")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status, 1 if a trial failed.

    Raises:
        OSError: if a file can't be read or written.
        ValueError: if there are no images, an argument is wrong, or the output folder holds another
            sweep.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["photos", "--workers", "0"]))
        Traceback (most recent call last):
        ValueError: --workers must be at least 1. Received: 0
    """
    if args.workers < 1:
        raise ValueError(f"--workers must be at least 1. Received: {args.workers}")
    load_library()
    if args.workers > 1 and _ROLE not in os.environ:
        from umbed_keras.tuning.workers import run_workers

        command = [sys.executable, "-m", "umbed_keras", *args.arguments]
        return run_workers(command, args.workers)
    import keras

    from umbed_keras.images.squares.sources import load_split
    from umbed_keras.tuning import PixelEmbedderHyperModel, sweep
    from umbed_keras.tuning.report import write_report

    keras.config.set_dtype_policy(args.precision)
    train, validation = load_split(args.images, args.size, args.limit)
    hypermodel = PixelEmbedderHyperModel(
        args.bottleneck,
        args.latent_dim,
        args.atoms,
        args.sparsity,
        rate_weight=args.rate_weight,
        seed=args.seed,
    )
    options = {"algorithm": args.algorithm, "max_trials": args.trials, "epochs": args.epochs}
    options |= {"directory": args.output, "seed": args.seed}
    result = sweep(train, hypermodel, validation, **options)
    report = args.output / write_report(result).name
    failed = [row for row in result.table if row["reason"]]
    best = result.best(args.max_bits)
    if args.preset:
        result.best_model(args.max_bits).save_to_preset(args.preset, weights_dtype="float16")
    print(
        f"{len(result.table)} trials, {len(result.pareto)} on the Pareto front, the best with an "
        f"error of {best['error']:.4g} at {best['bits_per_pixel']:.4g} bits per pixel: "
        f"{', '.join(map(str, filter(None, (report, args.output / 'trials.csv', args.preset))))}"
    )
    for row in failed:
        print(f"trial {row['trial']} failed: {row['reason']}", file=sys.stderr)
    return 1 if failed else 0
