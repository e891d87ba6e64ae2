"""Trains an image autoencoder on images: a preset that `compress` takes.

  umbed-keras autoencode PHOTOS --model lapped --rate-weight 5e-4 --output runs/mine
  umbed-keras autoencode PHOTOS.tar --model dlvae --output runs/mine

The last tenth of the images is held out. Of the images of folders, which may be larger than memory,
random squares are read during training; tars, .npz files and cifar10 are held in memory.

The same command resumes after an interruption. The output folder holds training_state.npz (to
resume), log.csv, reconstructions.png (held-out images, redrawn after every epoch) and, at the end,
the preset, whose card states the quality of the stored weights.
"""

import argparse
from typing import Any

from umbed_keras.apps.arguments.training_run import (
    add_training_arguments,
    begin_training,
    train_and_store,
)

_MODELS = ("vqvae", "rvqvae", "dlvae", "fsqvae", "lapped")
# Constants of Adam: the gradients of the rates of `lapped` are as small as the default.
_EPSILON, _LAPPED_EPSILON = 1e-7, 1e-12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["photos"]).model
        'dlvae'
    """
    add_training_arguments(parser, "runs/autoencoder", epochs=12)
    add = parser.add_argument
    add("--model", choices=_MODELS, default="dlvae", help="kind of the autoencoder")
    add("--latent-dim", type=int, default=64, help="channels of the latent map")
    add("--entries", type=int, default=512, help="K: codebook entries or atoms")
    add("--sparsity", type=int, default=3, help="S: stages of rvqvae, or atoms of dlvae")
    add("--coefficient-bits", type=int, default=8, help="bits of an atom's coefficient")
    add("--levels", type=int, nargs="+", default=[8], help="levels of fsqvae")
    add("--rate-weight", type=float, default=5e-4, help="rate weight of lapped")
    add("--start", help="preset of lapped to start from, at another rate weight (default: none)")
    add("--patch-size", type=int, default=1, help="side of the patches of the latent map")
    add("--downsamplings", type=int, default=2, help="times that the resolution is halved")
    add("--filters", type=int, default=128, help="channels inside encoder and decoder")
    for name, error in (("l1", "absolute"), ("edge", "edge"), ("lpips", "LPIPS")):
        add(f"--{name}-weight", type=float, default=0.0, help=f"weight of the {error} error")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status, 1 if a file was left out.

    Raises:
        OSError: if a file can't be read or written.
        ValueError: if there are no images, an argument is wrong, or the output folder holds the
            training of another model.
        ImportError: if an extra is missing.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(["photos", "--start", "celeba_lapped_r1"]))
        Traceback (most recent call last):
        ValueError: --start needs --model lapped
    """
    lapped = args.model == "lapped"
    if args.start and not lapped:
        raise ValueError("--start needs --model lapped")
    images = begin_training(args)
    from umbed_keras.metrics import PSNR
    from umbed_keras.models.training import autoencoder_quality
    from umbed_keras.models.training.progress_figures import DrawReconstructions

    channels = images.held_out.shape[-1]
    model = _lapped(args, channels) if lapped else _autoencoder(args, channels)
    drawn = DrawReconstructions, "reconstructions.png"
    options = {"metrics": [PSNR()], "epsilon": _LAPPED_EPSILON if lapped else _EPSILON}
    return train_and_store(args, model, images, autoencoder_quality, *drawn, **options)


def _autoencoder(args: argparse.Namespace, channels: int) -> Any:
    from umbed_keras import models

    make, own = {
        "vqvae": (models.VQVAE, {"num_embeddings": args.entries}),
        "rvqvae": (
            models.RVQVAE,
            {"num_embeddings": args.entries, "num_quantizers": args.sparsity},
        ),
        "dlvae": (
            models.DLVAE,
            {
                "num_atoms": args.entries,
                "sparsity": args.sparsity,
                "coefficient_bits": args.coefficient_bits,
            },
        ),
        "fsqvae": (
            models.FSQVAE,
            {"levels": args.levels[0] if len(args.levels) == 1 else args.levels},
        ),
    }[args.model]
    return make(
        **own,
        latent_dim=args.latent_dim,
        patch_size=args.patch_size,
        channels=channels,
        downsamplings=args.downsamplings,
        filters=args.filters,
        l1_weight=args.l1_weight,
        edge_weight=args.edge_weight,
        lpips_weight=args.lpips_weight,
        seed=args.seed,
    )


def _lapped(args: argparse.Namespace, channels: int) -> Any:
    """A `LappedAutoencoder` of default size, new or with the weights of a preset."""
    import keras

    from umbed_keras.models import LappedAutoencoder

    if not args.start:
        return LappedAutoencoder(args.rate_weight, channels=channels, seed=args.seed)
    options = {"dtype": keras.config.dtype_policy(), "seed": args.seed}
    model = LappedAutoencoder.from_preset(args.start, rate_weight=args.rate_weight, **options)
    before = LappedAutoencoder.from_preset(args.start).rate_weight
    model.bottleneck.scale_steps((args.rate_weight / before) ** 0.5)
    return model
