"""Trains a pixel embedder on a folder, tar or .npz of images.

    python examples/train_pixel_embedder.py IMAGES --bottleneck dictionary --output runs/mine

Run again after a break with the same arguments, it goes on where it was. In the output folder:
`training_state.npz` (to resume), `log.csv`, `patches.png` (inputs beside their reconstructions,
drawn anew after every epoch), and in the end a preset with its card, whose figures are measured
on the stored weights.
"""

import argparse
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from _images import held_out, load_images
from _pixel_quality import measure, write_pixel_card
from keras import ops

import umbed_keras as uk


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar or .npz")
    parser.add_argument("--output", type=Path, default=Path("runs/pixel_embedder"))
    parser.add_argument("--preset", type=Path, help="where to save it; OUTPUT/preset by default")
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument(
        "--bottleneck", choices=("gaussian", "vector", "dictionary"), default="gaussian"
    )
    parser.add_argument("--latent-dim", type=int, default=16)
    parser.add_argument("--patch-size", type=int, default=8)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--entries", type=int, default=16, help="K: codebook entries or atoms")
    parser.add_argument("--sparsity", type=int, default=4, help="S: atoms of a pixel")
    parser.add_argument("--coefficient-bits", type=int, default=8)
    parser.add_argument("--kl-weight", type=float, default=1e-5)
    parser.add_argument(
        "--hidden-units", type=int, nargs="+", default=[128, 128], help="of the decoder"
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--pixels", type=int, default=512, help="pixels of an image in a step")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--precision", default="float32", help="such as mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--data-note", default="Not stated.", help="data and licence, for the preset's card"
    )
    return parser.parse_args()


def make_bottleneck(args):
    """The bottleneck that the arguments ask for."""
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
    """Draws patch pyramids of some held-out pixels beside their reconstructions."""

    def __init__(self, images, path, pixels=8):
        super().__init__()
        self.images, self.path = images[:pixels], path
        random = np.random.default_rng(0)
        places = [random.integers(size, size=(len(self.images), 1)) for size in images.shape[1:3]]
        self.rows, self.cols = places

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
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    train, validation = held_out(load_images(args.images, args.size, args.limit))
    print(f"{len(train)} images to learn from, {len(validation)} held out")
    args.output.mkdir(parents=True, exist_ok=True)

    model = uk.PixelEmbedder(
        latent_dim=args.latent_dim,
        patch_size=args.patch_size,
        pyramid_levels=args.levels,
        bottleneck=make_bottleneck(args),
        hidden_units=args.hidden_units,
        pixels_per_image=args.pixels,
        seed=args.seed,
    )
    steps = args.epochs * -(-len(train) // args.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(args.learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule))
    model.fit(
        train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_data=validation,
        callbacks=[
            uk.TrainingBackup(args.output),
            keras.callbacks.CSVLogger(args.output / "log.csv", append=True),
            DrawPatches(validation, args.output / "patches.png"),
        ],
    )

    preset = args.preset or args.output / "preset"
    # What was learned in mixed precision is used in whole.
    weights = model.get_weights()
    model = uk.PixelEmbedder.from_config({**model.get_config(), "dtype": "float32"})
    model.set_weights(weights)
    model.save_to_preset(preset, weights_dtype="float16")
    stored = uk.PixelEmbedder.from_preset(preset)
    figures = measure(stored, validation)
    command = shlex.join(["python", *sys.argv])
    write_pixel_card(preset, stored, figures, args.data_note, command)
    for name, value in figures.items():
        print(f"{name}: {value:.4g}")
    print(f"saved in {preset}")


if __name__ == "__main__":
    main()
