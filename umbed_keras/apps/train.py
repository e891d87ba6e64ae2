"""Trains a pixel embedder on images: a preset that `embed`, `segment` and the page take.

  umbed-keras train PHOTOS --bottleneck dictionary --output runs/mine
  umbed-keras train SCANS.tar --backbone free_lite0_vae_d32 --output runs/mine
  umbed-keras train PHOTOS --backbone keras.applications:EfficientNetV2B0 --output runs/mine

The last tenth of the images is held out. Of the images of folders, which may be larger than memory,
random squares are read during training; tars, .npz files and cifar10 are held in memory.

The same command resumes after an interruption. The output folder holds training_state.npz (to
resume), log.csv, patches.png (held-out patches and their reconstructions, redrawn after every
epoch) and, at the end, the preset, whose card states the quality of the stored weights.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umbed_keras.apps.arguments.training_run import (
    add_training_arguments,
    begin_training,
    train_and_store,
)

if TYPE_CHECKING:
    from umbed_keras.backbones.backbone import Backbone

_BOTTLENECKS = ("gaussian", "vector", "dictionary")
_WEIGHTS = ".weights.h5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> parser.parse_args(["photos", "--bottleneck", "vector"]).entries
        16
    """
    add_training_arguments(parser, "runs/pixel_embedder", epochs=20)
    add = parser.add_argument
    add("--bottleneck", choices=_BOTTLENECKS, default=_BOTTLENECKS[0], help="kind of the codes")
    add("--latent-dim", type=int, default=16, help="numbers of a pixel's vector")
    add("--entries", type=int, default=16, help="K: codebook entries or atoms")
    add("--sparsity", type=int, default=4, help="S: atoms per pixel")
    add("--coefficient-bits", type=int, default=8, help="bits of an atom's coefficient")
    add("--kl-weight", type=float, default=1e-5, help="weight of the rate of gaussian")
    add("--patch-size", type=int, default=8, help="side of the patches that describe a pixel")
    add("--levels", type=int, default=3, help="sizes of the patches, each twice the one before")
    add("--hidden-units", type=int, nargs="+", default=[128, 128], help="layers of the decoder")
    add("--pixels", type=int, default=512, help="pixels per image in a step")
    add(
        "--backbone",
        help="whose features describe pixels as well: a preset, a pretrained network such as "
        "keras.applications:EfficientNetV2B0 or keras_hub:dinov2_small, or a weights file of "
        "examples/tools/convert_efficientnet_lite0.py (default: none)",
    )
    add("--feature-weight", type=float, default=0.02, help="weight of the features in the loss")
    add(
        "--features-only",
        action="store_true",
        help="vectors are a linear map of the features alone, which training leaves as it is",
    )
    add(
        "--feature-metrics",
        type=Path,
        help=".npz of examples/tools/fisher_information.py: which features matter most "
        "(default: all alike)",
    )


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
        >>> run(parser.parse_args(["photos", "--features-only"]))
        Traceback (most recent call last):
        ValueError: --features-only and --feature-metrics need a --backbone
    """
    if not args.backbone and (args.features_only or args.feature_metrics):
        raise ValueError("--features-only and --feature-metrics need a --backbone")
    images = begin_training(args)
    import numpy as np

    from umbed_keras.models import PixelEmbedder
    from umbed_keras.models.training import pixel_quality
    from umbed_keras.models.training.progress_figures import DrawPatches

    model = PixelEmbedder(
        latent_dim=args.latent_dim,
        patch_size=args.patch_size,
        pyramid_levels=args.levels,
        bottleneck=_bottleneck(args),
        channels=images.held_out.shape[-1],
        hidden_units=args.hidden_units,
        pixels_per_image=args.pixels,
        seed=args.seed,
        backbone=_backbone(args.backbone) if args.backbone else None,
        feature_weight=args.feature_weight,
        features_only=args.features_only,
    )
    if args.feature_metrics:
        with np.load(args.feature_metrics) as metrics:
            model.adapt(images.train, [metrics[name] for name in metrics.files])
    if args.features_only:
        model.features.kernel.trainable = False
    return train_and_store(args, model, images, pixel_quality, DrawPatches, "patches.png")


def _backbone(source: str) -> "Backbone":
    """The backbone of a preset, a named network, or an EfficientNet-Lite0 with a file's weights."""
    import keras
    from keras import ops

    from umbed_keras.backbones.efficientnet_lite0 import EfficientNetLite0
    from umbed_keras.backbones.from_name import LIBRARIES, from_name
    from umbed_keras.models import PixelEmbedder

    if source.startswith(tuple(f"{library}:" for library in LIBRARIES)):
        return from_name(source)
    if not source.endswith(_WEIGHTS):
        backbone = PixelEmbedder.from_preset(source).backbone
        if backbone is None:
            raise ValueError(f"--backbone must name a preset with a backbone. Received: {source}")
        return backbone
    backbone = EfficientNetLite0(dtype="float32")
    backbone.build((None, None, None, 3))
    keras.saving.load_weights(backbone, source)
    for weight in backbone.weights:  # as presets store them
        weight.assign(ops.cast(ops.cast(weight, "float16"), "float32"))
    return backbone


def _bottleneck(args: argparse.Namespace) -> Any:
    from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
    from umbed_keras.bottlenecks.gaussian_bottleneck import GaussianBottleneck
    from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer

    size = args.latent_dim
    if args.bottleneck == "gaussian":
        return GaussianBottleneck(size, kl_weight=args.kl_weight, dtype="float32")
    if args.bottleneck == "vector":
        return VectorQuantizer(args.entries, size, dtype="float32")
    options = {"selection": "ols", "coefficient_bits": args.coefficient_bits, "dtype": "float32"}
    return DictionaryBottleneck(args.entries, size, args.sparsity, **options)
