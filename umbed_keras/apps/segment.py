"""Segments images into the classes of a few stroked pixels.

  umbed-keras segment IMAGE STROKES --output FOLDER
  umbed-keras segment --train FOLDER --apply FOLDER --output FOLDER
  umbed-keras segment --project FILE.umbed --apply FILE FOLDER --output FOLDER
  umbed-keras segment --classifier FILE.npz --apply FOLDER --output FOLDER

Images are files of every kind: any number type, any channels, stacks.

Strokes are an image of the same height and width (and planes). A grey or palette image or an
array holds class numbers, 0 for unlabelled pixels. An image in colours holds strokes in the
colours of the page; any other colour is unlabelled. In a training folder the strokes of NAME.jpg
(or .tif, ...) are NAME.strokes.png, .tif or .npy.

For each image three files are written to the output folder: NAME.labels.png, the class numbers;
NAME.probability.png, the probability of the predicted class, 255 for 1; and NAME.overlay.png, of
the middle plane of a stack. Labels and probabilities of stacks and of images with a georeference,
and labels beyond 65535, are TIFF files. Images of subfolders have results in subfolders. A
classifier that is trained here is saved as classifier.npz.

An image is skipped if its results are there, made by the same classifier from the same content:
the same command resumes after an interruption. Files that can't be read are left out and named at
the end, and the exit status is then 1.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from umbed_keras.apps.arguments.paths import check_exists
from umbed_keras.apps.process import load_library

if TYPE_CHECKING:
    from umbed_keras.segmentation import Project
    from umbed_keras.segmentation.files.image_files import ImageFile
    from umbed_keras.segmentation.pixel_classifier import PixelClassifier

_PRESET = "free_lite0_vae_d32"
# Options of the training, which is over if a classifier or a project says how it was.
_TRAINING = ("preset", "channels", "scaling")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the subcommand.

    Args:
        parser: parser of the subcommand.

    Examples:
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> args = parser.parse_args(["--train", "a", "--output", "b", "--channels", "0,DAPI"])
        >>> args.channels
        [0, 'DAPI']
    """
    parser.add_argument("image", nargs="?", type=Path, help="image to learn from, and segment")
    parser.add_argument("strokes", nargs="?", type=Path, help="of the size of the image")
    parser.add_argument("--train", type=Path, help="folder of images with strokes beside them")
    parser.add_argument("--project", type=Path, help="file of images, strokes and settings")
    parser.add_argument("--classifier", type=Path, help=".npz file of this command or the page")
    parser.add_argument(
        "--apply", type=Path, nargs="+", default=[], metavar="PATH", help="images and folders"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the results")
    parser.add_argument("--preset", help=f"preset of the vectors (default: {_PRESET})")
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    parser.add_argument("--channels", type=_channels, help="numbers or names, such as 0,2")
    parser.add_argument(
        "--scaling",
        help="auto, percentiles, dtype, or numbers that become 0 and 1, such as 0,4095; auto "
        "scales from the 1st to the 99.8th percentile of each channel, unless they have 8 bits or "
        "lie in 0..1 (default: auto)",
    )
    parser.add_argument("--adapt", action="store_true", help="learn from every image as well")


def run(args: argparse.Namespace) -> int:
    """Runs the subcommand.

    Args:
        args: parsed arguments.

    Returns:
        The exit status, 1 if a file was left out.

    Raises:
        ValueError: if arguments contradict each other, or images or strokes do not suit.
        OSError: if a file can't be read or written.
        ImportError: if an extra is missing.

    Examples:
        >>> arguments = ["--train", "photos", "--output", "photos"]
        >>> parser = argparse.ArgumentParser()
        >>> add_arguments(parser)
        >>> run(parser.parse_args(arguments))
        Traceback (most recent call last):
        ValueError: --output must be another folder than those of images
    """
    _check(args)
    load_library()
    import keras

    from umbed_keras.segmentation import Project
    from umbed_keras.segmentation.files.segment_files import segment_files

    project = Project.load(args.project) if args.project else None
    classifier, images, broken = _from_project(args, project) if project else _from_files(args)
    colors = project.class_colors if project else None
    saved = args.classifier or args.output / "classifier.npz"
    if not args.classifier:
        classifier.save(saved)
    bar = keras.utils.Progbar(len(images), unit_name="image")
    options = {"advance": lambda: bar.add(1), "colors": colors}
    unused = segment_files(classifier, saved, images, args.output, args.adapt, **options)
    broken |= unused
    names = {n: f"{n} ({given.name})" for n, given in project.classes.items()} if project else {}
    classes = ", ".join(names.get(number, str(number)) for number in classifier.classes_.tolist())
    print(
        f"{len(images) - len(unused)} of {len(images)} images segmented into classes {classes}: "
        f"{args.output}/*.labels.*, *.probability.*, *.overlay.png; classifier: {saved}"
    )
    for path, error in broken.items():
        print(f"left out because it can't be used: {path}: {error}", file=sys.stderr)
    return 1 if broken else 0


def _channels(text: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in text.split(",")]


def _check(args: argparse.Namespace) -> None:
    """Raises ValueError if arguments contradict each other."""
    if (args.image is None) != (args.strokes is None):
        raise ValueError("an image needs its strokes: IMAGE STROKES")
    sources = (args.image, args.train, args.project, args.classifier)
    if sum(given is not None for given in sources) != 1:
        raise ValueError(
            "give one of: IMAGE STROKES, --train FOLDER, --project FILE, --classifier FILE"
        )
    if args.classifier and not args.apply:
        raise ValueError("--classifier needs --apply PATH")
    for option in _TRAINING:
        if getattr(args, option) is None:
            continue
        if args.classifier:
            raise ValueError(f"--{option} belongs to the training of the classifier, which is over")
        if args.project:
            raise ValueError(f"--{option} is one of the settings of the project")
    folders = [path.resolve() for path in (args.train, *args.apply) if path]
    if args.output.resolve() in folders:
        raise ValueError("--output must be another folder than those of images")
    for path in (*sources, args.strokes, *args.apply):
        if path:
            check_exists(path)


def _from_files(
    args: argparse.Namespace,
) -> "tuple[PixelClassifier, dict[str, ImageFile], dict[Path, Exception]]":
    """A classifier of strokes or from a file, the images to segment, and files that are broken."""
    from umbed_keras.images.scaling import Scaling
    from umbed_keras.segmentation import PixelClassifier
    from umbed_keras.segmentation.files.image_files import ImageFile, result_names
    from umbed_keras.segmentation.files.strokes_beside import pairs_in, read_pairs

    if args.scaling and "," in args.scaling:
        scaling = Scaling([float(part) for part in args.scaling.split(",")])
    else:
        scaling = Scaling(args.scaling) if args.scaling else None
    groups, pairs = [], [(args.image, args.strokes)]
    if args.image:
        groups.append((args.image.parent, [args.image]))
    if args.train:
        paths = _images_in(args.train, args.output)
        pairs = pairs_in(args.train, paths)
        if len(paths) > len(pairs) and not args.apply:
            others = len(paths) - len(pairs)
            text = f"{others} images without strokes are left out: add --apply {args.train}"
            print(text, file=sys.stderr)
        groups.append((args.train, [path for path, _ in pairs]))
    groups += _to_apply(args)
    names = result_names(groups)
    images = {name: ImageFile(path, args.axes) for path, name in names.items()}
    args.output.mkdir(parents=True, exist_ok=True)
    if args.classifier:
        return PixelClassifier.load(args.classifier), images, {}
    inputs, labels, broken = read_pairs(pairs, args.axes)
    if not inputs:
        reasons = "; ".join(f"{path}: {error}" for path, error in broken.items())
        raise ValueError(f"there is nothing to learn from: {reasons}")
    classifier = PixelClassifier(args.preset or _PRESET, scaling=scaling, channels=args.channels)
    return classifier.fit(inputs, labels), images, broken


def _from_project(
    args: argparse.Namespace, project: "Project"
) -> "tuple[PixelClassifier, dict[str, ImageFile], dict[Path, Exception]]":
    """The classifier of a project, its images and those to apply it to, and missing files."""
    from umbed_keras.segmentation.files.image_files import ImageFile, result_names

    missing = project.missing
    files = {
        image.path: ImageFile(image.path, image.axes, image.series)
        for key, image in project.images.items()
        if key not in missing
    }
    parents = [str(path.parent) for path in files]
    groups = [(Path(os.path.commonpath(parents)), files)] if files else []
    names = result_names([*groups, *_to_apply(args)])
    images = {name: files.get(path, ImageFile(path, args.axes)) for path, name in names.items()}
    args.output.mkdir(parents=True, exist_ok=True)
    return project.fit(), images, {}


def _to_apply(args: argparse.Namespace) -> list[tuple[Path, list[Path]]]:
    """The folders and files of `--apply`, each with the paths of its images."""
    return [
        (path, _images_in(path, args.output))
        if path.is_dir() and path.suffix.lower() != ".zarr"  # an image
        else (path.parent, [path])
        for path in args.apply
    ]


def _images_in(folder: Path, output: Path) -> list[Path]:
    from umbed_keras.segmentation.files.image_files import images_in

    files = images_in(folder, output)
    if files.left_out:
        print(f"left out: {', '.join(map(str, files.left_out))}", file=sys.stderr)
    return list(files.images)
