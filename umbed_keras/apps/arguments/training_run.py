"""What the subcommands `train` and `autoencode` share: arguments, images, and what is stored."""

import argparse
import importlib.util
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from umbed_keras.apps.process import load_library

if TYPE_CHECKING:
    from umbed_keras.images.scaling import Scaling
    from umbed_keras.images.squares.training_images import TrainingImages

_CARD = {
    "description": "the purpose of the preset in a line",
    "license": "the licence of the weights",
    "data": "the training data",
}
# Side of the image that the figure of a card shows, at most.
_FIGURE_SIZE = 512


def add_training_arguments(parser: argparse.ArgumentParser, output: str, epochs: int) -> None:
    """Adds the arguments that all trainings have.

    Args:
        parser: parser of the subcommand.
        output: default of the output folder.
        epochs: default of the number of epochs.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_training_arguments(parser, "runs/mine", epochs=3)
        >>> parser.parse_args(["photos"]).epochs
        3
    """
    parser.add_argument("images", nargs="+", help="folders, tars, .npz files, or cifar10")
    add = parser.add_argument
    add("--output", type=Path, default=Path(output), help="folder of the training")
    add("--preset", type=Path, help="folder of the preset (default: OUTPUT/preset)")
    add("--epochs", type=int, default=epochs, help="passes over the images")
    add("--batch-size", type=int, default=16, help="squares of a step")
    add("--learning-rate", type=float, default=1e-3, help="the first; it falls to 0")
    add("--size", type=int, default=128, help="side of the squares, in pixels")
    add("--limit", type=int, help="images of each source at most (default: all)")
    add(
        "--tiles",
        action="store_true",
        help="cut each image into as many squares as fit, and hold them in memory, instead of "
        "reading random squares of a folder, or resizing the images of a tar",
    )
    add("--crops", type=int, default=4, help="random squares per image of a folder and epoch")
    add("--gray", action="store_true", help="one channel instead of three")
    add(
        "--scaling",
        default="auto",
        help="how numbers become 0..1: auto, percentiles, dtype, or two limits such as 0,4095",
    )
    add("--axes", help="axes of files that do not name theirs, such as zyx")
    add("--precision", default="float32", help="such as mixed_bfloat16")
    add("--seed", type=int, default=0, help="of weights, order and squares")
    for name, meaning in _CARD.items():
        add(f"--{name}", help=f"for the card of the preset: {meaning}")
    add(
        "--figure",
        type=Path,
        metavar="IMAGE",
        help="image that the card shows (default: none, as a card may be published)",
    )


def begin_training(args: argparse.Namespace) -> "TrainingImages":
    """Loads the library, sets seed and precision, and finds the images.

    Args:
        args: parsed arguments.

    Returns:
        `TrainingImages`.

    Raises:
        ValueError: if there are no images, or an argument is wrong.
        OSError: if the image of the figure can't be read.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_training_arguments(parser, "runs/mine", epochs=3)
        >>> begin_training(parser.parse_args(["nothing"]))
        Traceback (most recent call last):
        ValueError: There is no folder, tar or .npz file nothing.
    """
    _check(args)
    load_library()
    import keras

    from umbed_keras.images.squares.training_images import training_images

    keras.utils.set_random_seed(args.seed)
    keras.config.set_dtype_policy(args.precision)
    images = training_images(
        args.images,
        args.size,
        args.limit,
        args.tiles,
        args.gray,
        scaling_of(args.scaling),
        args.axes,
        args.batch_size,
        args.crops,
        args.seed,
    )
    args.output.mkdir(parents=True, exist_ok=True)
    _card_image(args)  # an error before the training, not after it
    print(images.text, flush=True)
    return images


def train_and_store(
    args: argparse.Namespace,
    model: Any,
    images: "TrainingImages",
    quality: Any,
    draw: Callable[[Any, Path], Any],
    picture: str,
    **options: Any,
) -> int:
    """Trains a model, or resumes its training, and stores it as a preset with its quality.

    Args:
        args: parsed arguments.
        model: the model.
        images: what `begin_training` returned.
        quality: module that measures models of the kind.
        draw: makes the callback that draws held-out images to a file.
        picture: name of this file in the output folder.
        **options: further arguments of `resumable_fit`.

    Returns:
        The exit status, 1 if a file was left out.

    Raises:
        ValueError: if the output folder holds the training of another model.
        OSError: if a file can't be written.

    Examples:
        In `run` of a subcommand, with arguments and a model:

        >>> images = begin_training(args)  # doctest: +SKIP
        >>> draw = DrawPatches, "patches.png"  # doctest: +SKIP
        >>> train_and_store(args, model, images, pixel_quality, *draw)  # doctest: +SKIP
        0
    """
    from umbed_keras.models.training.measured_preset import save_measured
    from umbed_keras.models.training.resumable_fit import resumable_fit

    written = [args.output / "log.csv"]
    callbacks = []
    if _can_draw():
        written.append(args.output / picture)
        callbacks.append(draw(images.held_out, written[-1]))
    options |= {"batch_size": args.batch_size, "learning_rate": args.learning_rate}
    resumable_fit(model, images, args.output, args.epochs, callbacks=callbacks, **options)
    card = {name: getattr(args, name) for name in _CARD if getattr(args, name)}
    card["training"] = shlex.join(["umbed-keras", *args.arguments])
    card["scaling"] = repr(scaling_of(args.scaling))
    preset = args.preset or args.output / "preset"
    figure = _card_image(args)
    metrics = save_measured(model, preset, images.held_out, quality, figure, card)
    for name, value in metrics.items():
        print(f"{name}: {value:.4g}")
    epochs = "epoch" if args.epochs == 1 else "epochs"
    print(
        f"{type(model).__name__} with {model.count_params():,} parameters, trained for "
        f"{args.epochs} {epochs}: {preset}; {', '.join(map(str, written))}"
    )
    for file, reason in images.unreadable.items():
        print(f"left out because it can't be used: {file}: {reason}", file=sys.stderr)
    return 1 if images.unreadable else 0


def scaling_of(text: str) -> "Scaling":
    """Returns the `Scaling` that an argument names.

    Args:
        text: one of `auto`, `percentiles` and `dtype`, or two numbers with a comma.

    Raises:
        ValueError: if it is something else.

    Examples:
        >>> scaling_of("0,4095").limits
        [(0.0, 4095.0)]
    """
    from umbed_keras.images.scaling import Scaling

    return Scaling([float(part) for part in text.split(",")] if "," in text else text)


def _check(args: argparse.Namespace) -> None:
    """Raises ValueError if a number is too small."""
    for name in ("epochs", "batch_size", "size", "crops", "limit"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1. Received: {value}")


def _can_draw() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def _card_image(args: argparse.Namespace) -> Any:
    """The image that the card shows, or None."""
    if args.figure is None:
        return None
    from umbed_keras.extras import check_extra
    from umbed_keras.images.squares.cutting import channel_square
    from umbed_keras.images.squares.sources import planes_of

    check_extra("matplotlib", "plots")
    channels = 1 if args.gray else 3
    plane = planes_of(args.figure, channels, scaling_of(args.scaling), args.axes)[0]
    return channel_square(plane, min(_FIGURE_SIZE, *plane.shape[:2]))
