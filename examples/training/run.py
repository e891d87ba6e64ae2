"""What the training scripts have in common: their arguments, the run, the preset in the end."""

import argparse
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from training.images import load_split

import umbed_keras as uk
from umbed_keras.zoo import write_card


def argument_parser(description, output):
    """A parser of what every training script takes; `output` is the default folder."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "images",
        nargs="+",
        help="folder, tar, .npz or cifar10; of each, the last tenth is held out",
    )
    parser.add_argument("--output", type=Path, default=Path(output))
    parser.add_argument("--preset", type=Path, help="where to save it; OUTPUT/preset by default")
    parser.add_argument("--size", type=int, default=128, help="images are cut to squares of this")
    parser.add_argument("--limit", type=int, help="images at most")
    parser.add_argument(
        "--tiles",
        action="store_true",
        help="cut as many squares as an image has room for, not one of the image made smaller",
    )
    parser.add_argument("--gray", action="store_true", help="one channel instead of three")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--precision", default="float32", help="such as mixed_bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    for name, meaning in (
        ("description", "a line on what the preset is for"),
        ("license", "of the weights, a few words"),
        ("data", "what it learned from"),
    ):
        parser.add_argument(f"--{name}", help=f"for the preset's card: {meaning}")
    return parser


def prepare(args):
    """Sets seed and precision; gives the images to learn from and those held out."""
    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    splits = [
        load_split(source, args.size, args.limit, args.tiles, args.gray) for source in args.images
    ]
    train, validation = map(np.concatenate, zip(*splits, strict=True))
    print(f"{len(train)} images to learn from, {len(validation)} held out")
    args.output.mkdir(parents=True, exist_ok=True)
    return train, validation


def learn(model, args, train, validation, draw, metrics=(), epsilon=1e-7):
    """Trains with Adam and a cosine schedule, going on where an interrupted run was.

    Args:
        draw: callback that draws what the model does, after every epoch.
        metrics: of `compile`.
        epsilon: float, of Adam.
    """
    steps = args.epochs * -(-len(train) // args.batch_size)
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


def store(model, args, validation, quality):
    """Saves the model as a preset with its card, measured on the stored weights.

    Args:
        quality: module with `measure`, `draw` and `PROTOCOL`.
    """
    preset = args.preset or args.output / "preset"
    # What was learned in mixed precision is used in whole.
    weights = model.get_weights()
    model = type(model).from_config({**model.get_config(), "dtype": "float32"})
    model.set_weights(weights)
    model.save_to_preset(preset, weights_dtype="float16")
    stored = type(model).from_preset(preset)
    metrics = quality.measure(stored, validation)
    quality.draw(stored).savefig(preset / "figure.png", dpi=40)
    write_card(
        preset,
        **{
            name: text
            for name in ("description", "license", "data")
            if (text := getattr(args, name))
        },
        training=shlex.join(["python", *sys.argv]),
        protocol=quality.PROTOCOL,
        metrics=metrics,
    )
    for name, value in metrics.items():
        print(f"{name}: {value:.4g}")
    print(f"saved in {preset}")
