"""Trains an image autoencoder with a codebook, codebooks in stages, or a sparse dictionary.

    python examples/train_autoencoder.py IMAGES --model dlvae --output runs/mine

IMAGES is a folder (searched in depth), a tar file such as imagenette2-160.tgz from
https://github.com/fastai/imagenette, an .npz file, or `cifar10`. Run again after a break with the
same arguments, it goes on where it was. In the output folder: `training_state.npz` (to resume),
`log.csv`, `reconstructions.png` (drawn anew after every epoch), and in the end a preset with its
card, whose figures are measured on the stored weights.
"""

import argparse
import shlex
import sys
from pathlib import Path

import keras
from _autoencoder_quality import measure, write_autoencoder_card
from _images import held_out, load_images

import umbed_keras as uk

MODELS = {"vqvae": uk.VQVAE, "rvqvae": uk.RVQVAE, "dlvae": uk.DLVAE}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", help="folder, tar, .npz or cifar10")
    parser.add_argument("--model", choices=MODELS, default="dlvae")
    parser.add_argument("--output", type=Path, default=Path("runs/autoencoder"))
    parser.add_argument("--preset", type=Path, help="where to save it; OUTPUT/preset by default")
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--entries", type=int, default=512, help="K: codebook entries or atoms")
    parser.add_argument("--sparsity", type=int, default=3, help="S: stages or atoms")
    parser.add_argument("--coefficient-bits", type=int, default=8)
    parser.add_argument("--patch-size", type=int, default=1, help="of the latent map")
    parser.add_argument("--downsamplings", type=int, default=2)
    parser.add_argument("--filters", type=int, default=128)
    parser.add_argument("--l1-weight", type=float, default=0.0)
    parser.add_argument("--edge-weight", type=float, default=0.0)
    parser.add_argument("--lpips-weight", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument(
        "--ema", type=float, help="momentum of a running average of weights, such as 0.999"
    )
    parser.add_argument("--precision", default="float32", help="such as mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--data-note", default="Not stated.", help="data and licence, for the preset's card"
    )
    return parser.parse_args()


def make_model(args):
    """The model that the arguments ask for."""
    own = {
        "vqvae": {"num_embeddings": args.entries},
        "rvqvae": {"num_embeddings": args.entries, "num_quantizers": args.sparsity},
        "dlvae": {
            "num_atoms": args.entries,
            "sparsity": args.sparsity,
            "coefficient_bits": args.coefficient_bits,
        },
    }[args.model]
    return MODELS[args.model](
        **own,
        latent_dim=args.latent_dim,
        patch_size=args.patch_size,
        downsamplings=args.downsamplings,
        filters=args.filters,
        l1_weight=args.l1_weight,
        edge_weight=args.edge_weight,
        lpips_weight=args.lpips_weight,
        seed=args.seed,
    )


class DrawReconstructions(keras.callbacks.Callback):
    """Draws some held-out images beside their reconstructions and errors."""

    def __init__(self, images, path, count=4):
        super().__init__()
        self.images, self.path = images[:count], path

    def on_epoch_end(self, epoch, logs=None):
        rebuilt = self.model.reconstruct(self.images)
        figure = uk.plots.reconstructions(self.images / 255.0, {"rebuilt": rebuilt})
        figure.savefig(self.path, dpi=60)


def main():
    args = arguments()
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    train, validation = held_out(load_images(args.images, args.size, args.limit))
    print(f"{len(train)} images to learn from, {len(validation)} held out")
    args.output.mkdir(parents=True, exist_ok=True)

    model = make_model(args)
    steps = args.epochs * -(-len(train) // args.batch_size)
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(args.learning_rate, steps),
        use_ema=args.ema is not None,
        ema_momentum=args.ema or 0.99,
    )
    model.compile(optimizer=optimizer, metrics=[uk.metrics.PSNR()])
    model.fit(
        train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_data=validation,
        callbacks=[
            uk.TrainingBackup(args.output),
            keras.callbacks.CSVLogger(args.output / "log.csv", append=True),
            DrawReconstructions(validation, args.output / "reconstructions.png"),
        ],
    )

    preset = args.preset or args.output / "preset"
    # What was learned in mixed precision is used in whole.
    weights = model.get_weights()
    model = type(model).from_config({**model.get_config(), "dtype": "float32"})
    model.set_weights(weights)
    model.save_to_preset(preset, weights_dtype="float16")
    stored = type(model).from_preset(preset)
    figures = measure(stored, validation)
    command = shlex.join(["python", *sys.argv])
    write_autoencoder_card(preset, stored, figures, args.data_note, command)
    for name, value in figures.items():
        print(f"{name}: {value:.4g}")
    print(f"saved in {preset}")


if __name__ == "__main__":
    main()
