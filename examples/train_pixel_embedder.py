"""Trains a pixel embedder on a folder, tar or .npz of images.

    python examples/train_pixel_embedder.py IMAGES --bottleneck dictionary --output runs/mine

From the images of a folder, which may be larger than memory, random squares are read during
training. An interrupted run resumes when it is started again with the same arguments. The output
folder holds `training_state.npz` (to resume), `log.csv`, `patches.png` (patches and their
reconstructions, redrawn after every epoch) and, at the end, a preset whose card states the quality
of the stored weights.
"""

from pathlib import Path

import umbed_keras as uk

# isort: split
# umbed_keras chooses the backend of Keras, so it is imported first.
import keras
import numpy as np
from keras import ops
from training import pixel_quality as quality
from training.run import argument_parser, learn, prepare, report_unreadable, store


def arguments():
    parser = argument_parser(__doc__, "runs/pixel_embedder")
    parser.add_argument(
        "--bottleneck", choices=("gaussian", "vector", "dictionary"), default="gaussian"
    )
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--patch-size", type=int, default=8)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--entries", type=int, default=16, help="K: codebook entries or atoms")
    parser.add_argument("--sparsity", type=int, default=4, help="S: atoms per pixel")
    parser.add_argument("--coefficient-bits", type=int, default=8)
    parser.add_argument("--kl-weight", type=float, default=1e-5)
    parser.add_argument(
        "--hidden-units",
        type=int,
        nargs="+",
        default=[128, 128],
        help="layers of the decoder",
    )
    parser.add_argument("--pixels", type=int, default=512, help="pixels per image in a step")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--backbone",
        type=Path,
        help="weights file of tools/convert_efficientnet_lite0.py; adds its features to "
        "the description of a pixel",
    )
    parser.add_argument(
        "--feature-weight", type=float, default=0.02, help="weight of the features in the loss"
    )
    parser.add_argument(
        "--features-only",
        action="store_true",
        help="vectors are a linear map of the features alone, which training leaves as it is",
    )
    parser.add_argument(
        "--feature-metrics",
        type=Path,
        help=".npz of tools/fisher_information.py: which features matter most",
    )
    return parser.parse_args()


def make_backbone(path):
    """Builds an EfficientNet-Lite0 with the weights of a file, rounded to float16 as in presets."""
    backbone = uk.layers.EfficientNetLite0(dtype="float32")
    backbone.build((None, None, None, 3))
    keras.saving.load_weights(backbone, path)
    for weight in backbone.weights:
        weight.assign(ops.cast(ops.cast(weight, "float16"), "float32"))
    return backbone


def make_bottleneck(args):
    """Builds the bottleneck that the arguments describe."""
    if args.bottleneck == "gaussian":
        return uk.layers.GaussianBottleneck(
            args.latent_dim, kl_weight=args.kl_weight, dtype="float32"
        )
    if args.bottleneck == "vector":
        return uk.layers.VectorQuantizer(args.entries, args.latent_dim, dtype="float32")
    return uk.layers.DictionaryBottleneck(
        args.entries,
        args.latent_dim,
        args.sparsity,
        selection="ols",
        coefficient_bits=args.coefficient_bits,
        dtype="float32",
    )


class DrawPatches(keras.callbacks.Callback):
    """Draws patch pyramids of held-out pixels and their reconstructions after every epoch."""

    def __init__(self, images, path, pixels=8):
        super().__init__()
        self.images, self.path = images[:pixels], path
        random = np.random.default_rng(0)
        self.rows, self.cols = (
            random.integers(size, size=(len(self.images), 1)) for size in images.shape[1:3]
        )

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        targets = uk.ops.patch_pyramid(
            self.images.astype("float32") / 255,
            self.rows,
            self.cols,
            model.patch_size,
            model.pyramid_levels,
        )
        rebuilt = model.reconstruct_patches(self.images, self.rows, self.cols)
        figure = uk.plots.patch_pyramids(ops.convert_to_numpy(targets)[:, 0], rebuilt[:, 0])
        figure.savefig(self.path, dpi=80)


def main():
    args = arguments()
    train, validation = prepare(args)
    model = uk.PixelEmbedder(
        latent_dim=args.latent_dim,
        patch_size=args.patch_size,
        pyramid_levels=args.levels,
        bottleneck=make_bottleneck(args),
        channels=validation.shape[-1],
        hidden_units=args.hidden_units,
        pixels_per_image=args.pixels,
        seed=args.seed,
        backbone=make_backbone(args.backbone) if args.backbone else None,
        feature_weight=args.feature_weight,
        features_only=args.features_only,
    )
    if args.feature_metrics:
        with np.load(args.feature_metrics) as metrics:
            model.adapt(train, [metrics[name] for name in metrics.files])
    if args.features_only:
        model.features.kernel.trainable = False
    learn(model, args, train, validation, DrawPatches(validation, args.output / "patches.png"))
    store(model, args, validation, quality)
    report_unreadable(train)


if __name__ == "__main__":
    main()
