"""Arguments, training and preset of the training scripts."""

import argparse
import io
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageOps
from training.images import held_out, load_split

import umbed_keras as uk
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.scaling import warn_if_flat
from umbed_keras.zoo import write_card

# Largest number of images that are held out of folders.
HELD_OUT = 512


def argument_parser(description, output):
    """Returns a parser with the common arguments; `output` is the default output folder."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "images",
        nargs="+",
        help="folders, from which random squares are read during training; or tars, .npz files and "
        "cifar10 (and folders with --tiles), which are held in memory. The last tenth of each is "
        "held out",
    )
    parser.add_argument("--output", type=Path, default=Path(output))
    parser.add_argument("--preset", type=Path, help="folder of the preset (default: OUTPUT/preset)")
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument(
        "--tiles",
        action="store_true",
        help="cut each image into as many squares as fit, instead of resizing it to one",
    )
    parser.add_argument(
        "--crops", type=int, default=4, help="random squares per image of a folder and epoch"
    )
    parser.add_argument("--gray", action="store_true", help="one channel instead of three")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--precision", default="float32", help="such as mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    for name, meaning in (
        ("description", "the purpose of the preset in a line"),
        ("license", "the licence of the weights"),
        ("data", "the training data"),
    ):
        parser.add_argument(f"--{name}", help=f"for the preset's card: {meaning}")
    parser.add_argument(
        "--scaling",
        type=_scaling,
        default="auto",
        help="how numbers become 0..1: auto, percentiles, dtype, or two limits such as 0,4095",
    )
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    return parser


def _scaling(text):
    limits = [float(part) for part in text.split(",")] if "," in text else text
    try:
        return uk.Scaling(limits)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def prepare(args):
    """Sets seed and precision, and reads `(training images, held-out images)`.

    Training images are an array or an `ImageFolder`, held-out images an array.
    """
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    args.output.mkdir(parents=True, exist_ok=True)
    if not args.tiles and all(Path(source).is_dir() for source in args.images):
        return _folders(args)
    splits = [
        load_split(
            source,
            args.size,
            args.limit,
            args.tiles,
            args.gray,
            scaling=args.scaling,
            axes=args.axes,
        )
        for source in args.images
    ]
    train, validation = map(np.concatenate, zip(*splits, strict=True))
    warn_if_flat(train[:HELD_OUT] / 255 if train.dtype == np.uint8 else train, "The training data")
    print(f"{len(train)} images to learn from, {len(validation)} held out")
    return train, validation


def _folders(args):
    """Returns random squares of the images of folders, and one square of each held-out image."""
    splits = [held_out(folder_files(source).images[: args.limit]) for source in args.images]
    train, others = ([file for part in side for file in part] for side in zip(*splits, strict=True))
    others = others[:: -(-len(others) // HELD_OUT)]
    options = {"size": args.size, "channels": 1 if args.gray else 3, "seed": args.seed}
    options |= {"scaling": args.scaling, "axes": args.axes}
    print(f"{len(train)} images to cut squares from, squares of {len(others)} others held out")
    batches = uk.ImageFolder(
        train, batch_size=args.batch_size, crops_per_image=args.crops, **options
    )
    held = uk.ImageFolder(others, batch_size=len(others), crops_per_image=1, **options)
    squares = held[0]
    batches.unreadable |= held.unreadable
    return batches, squares


def learn(model, args, train, validation, draw, metrics=(), epsilon=1e-7):
    """Trains with Adam and a cosine schedule, and resumes an interrupted run.

    Args:
        model: the model to train.
        args: arguments of the script.
        train: array or `ImageFolder` of training images.
        validation: array of held-out images.
        draw: callback that draws reconstructions after every epoch.
        metrics: metrics to report.
        epsilon: float, of Adam.
    """
    in_folder = isinstance(train, uk.ImageFolder)
    steps = args.epochs * (train.num_batches if in_folder else -(-len(train) // args.batch_size))
    schedule = keras.optimizers.schedules.CosineDecay(args.learning_rate, steps)
    model.compile(optimizer=keras.optimizers.Adam(schedule, epsilon=epsilon), metrics=list(metrics))
    model.fit(
        train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_data=validation,
        callbacks=[
            uk.TrainingBackup(args.output),
            keras.callbacks.CSVLogger(args.output / "log.csv", append=True),
            draw,
        ],
    )


def report_unreadable(train):
    """Names files of a training that could not be read, and ends with status 1 if there are any."""
    for file, reason in getattr(train, "unreadable", {}).items():
        print(f"not learned from: {file}: {reason}", file=sys.stderr)
    if getattr(train, "unreadable", {}):
        sys.exit(1)


def store(model, args, validation, quality):
    """Saves the model as a preset with its card, measured on the stored weights.

    Args:
        model: the trained model.
        args: arguments of the script.
        validation: array of held-out images.
        quality: module with `measure`, `draw` and `PROTOCOL`.
    """
    preset = args.preset or args.output / "preset"
    # Presets are used in float32, also after training in mixed precision.
    weights = model.get_weights()
    model = type(model).from_config({**model.get_config(), "dtype": "float32"})
    model.set_weights(weights)
    model.save_to_preset(preset, weights_dtype="float16")
    stored = type(model).from_preset(preset)
    metrics = quality.measure(stored, validation)
    save_figure(quality.draw(stored), preset / "figure.png")
    write_card(
        preset,
        **{
            name: text
            for name in ("description", "license", "data")
            if (text := getattr(args, name))
        },
        training=shlex.join(["python", *sys.argv]),
        scaling=repr(args.scaling),
        protocol=quality.PROTOCOL,
        metrics=metrics,
    )
    for name, value in metrics.items():
        print(f"{name}: {value:.4g}")
    print(f"saved in {preset}")


def save_figure(figure, path):
    """Saves a figure of a preset with six bits per channel, which halves its size."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=40)
    ImageOps.posterize(Image.open(drawn).convert("RGB"), 6).save(path, optimize=True)
