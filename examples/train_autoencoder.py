"""Trains an image autoencoder on a folder, tar or .npz of images.

    python examples/train_autoencoder.py IMAGES --model dlvae --output runs/mine
    python examples/train_autoencoder.py IMAGES --model lapped --rate-weight 5e-4 --output runs/mine

IMAGES is a folder (searched recursively; random squares are read during training), a tar file such
as imagenette2-160.tgz from https://github.com/fastai/imagenette, an .npz file, or `cifar10`. An
interrupted run resumes when it is started again with the same arguments. The output folder holds
`training_state.npz` (to resume), `log.csv`, `reconstructions.png` (redrawn after every epoch) and,
at the end, a preset whose card states the quality of the stored weights.
"""

import umbed_keras as uk

# isort: split
# umbed_keras chooses the backend of Keras, so it is imported first.
import keras
from training import autoencoder_quality as quality
from training.run import argument_parser, learn, prepare, report_unreadable, store

MODELS = {
    "vqvae": uk.VQVAE,
    "rvqvae": uk.RVQVAE,
    "dlvae": uk.DLVAE,
    "fsqvae": uk.FSQVAE,
    "lapped": uk.LappedAutoencoder,
}
# Epsilon of Adam for `lapped`: gradients of rates are as small as the default of Keras.
EPSILON = 1e-12


def arguments():
    parser = argument_parser(__doc__, "runs/autoencoder")
    parser.add_argument("--model", choices=MODELS, default="dlvae")
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--entries", type=int, default=512, help="K: codebook entries or atoms")
    parser.add_argument("--sparsity", type=int, default=3, help="S: stages or atoms")
    parser.add_argument("--coefficient-bits", type=int, default=8)
    parser.add_argument("--levels", type=int, nargs="+", default=[8], help="levels of fsqvae")
    parser.add_argument("--rate-weight", type=float, default=5e-4, help="rate weight of lapped")
    parser.add_argument("--start", help="preset of lapped to start from, at another rate weight")
    parser.add_argument(
        "--patch-size",
        type=int,
        default=1,
        help="of the latent map",
    )
    parser.add_argument("--downsamplings", type=int, default=2)
    parser.add_argument("--filters", type=int, default=128)
    parser.add_argument("--l1-weight", type=float, default=0.0)
    parser.add_argument("--edge-weight", type=float, default=0.0)
    parser.add_argument("--lpips-weight", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=12)
    return parser.parse_args()


def make_model(args, channels):
    """Builds the model that the arguments describe."""
    if args.model == "lapped":
        return make_lapped(args, channels)
    own = {
        "vqvae": {"num_embeddings": args.entries},
        "rvqvae": {"num_embeddings": args.entries, "num_quantizers": args.sparsity},
        "dlvae": {
            "num_atoms": args.entries,
            "sparsity": args.sparsity,
            "coefficient_bits": args.coefficient_bits,
        },
        "fsqvae": {"levels": args.levels[0] if len(args.levels) == 1 else args.levels},
    }[args.model]
    return MODELS[args.model](
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


def make_lapped(args, channels):
    """Builds a `LappedAutoencoder` of default size, new or with the weights of a preset."""
    if not args.start:
        return uk.LappedAutoencoder(args.rate_weight, channels=channels, seed=args.seed)
    model = uk.LappedAutoencoder.from_preset(
        args.start,
        rate_weight=args.rate_weight,
        dtype=keras.config.dtype_policy(),
        seed=args.seed,
    )
    before = uk.LappedAutoencoder.from_preset(args.start).rate_weight
    model.bottleneck.scale_steps((args.rate_weight / before) ** 0.5)
    return model


class DrawReconstructions(keras.callbacks.Callback):
    """Draws held-out images, their reconstructions and errors after every epoch."""

    def __init__(self, images, path, count=4):
        super().__init__()
        self.images, self.path = images[:count], path

    def on_epoch_end(self, epoch, logs=None):
        rebuilt = self.model.reconstruct(self.images)
        figure = uk.plots.reconstructions(self.images / 255.0, {"rebuilt": rebuilt})
        figure.savefig(self.path, dpi=60)


def main():
    args = arguments()
    train, validation = prepare(args)
    draw = DrawReconstructions(validation, args.output / "reconstructions.png")
    model = make_model(args, validation.shape[-1])
    epsilon = EPSILON if args.model == "lapped" else 1e-7
    learn(model, args, train, validation, draw, [uk.metrics.PSNR()], epsilon)
    store(model, args, validation, quality)
    report_unreadable(train)


if __name__ == "__main__":
    main()
