"""Segments images into the classes of a few stroked pixels.

    python examples/segment_from_scribbles.py IMAGE STROKES --output FOLDER
    python examples/segment_from_scribbles.py --train FOLDER --apply FOLDER --output FOLDER
    python examples/segment_from_scribbles.py --project FILE.umbed --output FOLDER
    python examples/segment_from_scribbles.py --classifier FILE.npz --apply FOLDER --output FOLDER

Images are files of every kind that `umbed_keras.read_image` reads: any number type, any channels,
stacks. Their numbers are scaled as `--scaling` says, by default from the 1st to the 99.8th
percentile of each channel unless they have 8 bits or lie in 0..1.

Strokes are an image of the same height and width (and planes). A grey or palette image or an array
holds class numbers, 0 for unlabelled pixels. An image in colours holds strokes in the colours of
`examples/scribble_app.py`, whose downloads can be used here; any other colour is unlabelled. In a
training folder the strokes of NAME.jpg (or .tif, ...) are NAME.strokes.png, .tif or .npy.

A project (`umbed_keras.segmentation.Project`) brings images, strokes and all settings along.

For each image three files are written to the output folder: NAME.labels.png, the class numbers;
NAME.probability.png, the probability of the predicted class, 255 for 1; and NAME.overlay.png, of
the middle plane of a stack. Labels and probabilities of stacks and of images with a georeference,
and labels beyond 65535, are TIFF files. Images of subfolders have results in subfolders. A
classifier that is trained here is saved as classifier.npz.

An image is skipped if its results are there, made by the same classifier from the same content
(done.json), so that an interrupted run can be resumed. Files that can't be read are left out and
named at the end, and the exit status is 1.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scribbles.results import Done, write_results

import umbed_keras as uk

# isort: split
import keras

from umbed_keras.images.content import content_digest
from umbed_keras.images.folder_files import folder_files
from umbed_keras.segmentation import PixelClassifier, Project
from umbed_keras.segmentation.image_lists import as_label_images

PRESET = "free_lite0_vae_d32"
STROKES = ".strokes"
# What broken files, missing libraries and images that do not suit the classifier raise.
BROKEN = (ImportError, OSError, TypeError, ValueError)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("strokes", nargs="?", type=Path, help="of the size of the image")
    parser.add_argument("--train", type=Path, help="folder of images with strokes beside them")
    parser.add_argument("--project", type=Path, help="file of a project")
    parser.add_argument("--classifier", type=Path, help=".npz file of this script or the page")
    parser.add_argument("--apply", type=Path, help="folder of images to segment")
    parser.add_argument("--preset", help=f"preset of the vectors (default: {PRESET})")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    parser.add_argument("--channels", type=_channels, help="numbers or names, such as 0,2")
    parser.add_argument(
        "--scaling",
        type=_scaling,
        help="auto (default), percentiles, dtype, or numbers that become 0 and 1, such as 0,4095",
    )
    parser.add_argument("--adapt", action="store_true", help="learn from every image as well")
    args = parser.parse_args()
    if (args.image is None) != (args.strokes is None):
        parser.error("an image needs its strokes: IMAGE STROKES")
    sources = (args.image, args.train, args.project, args.classifier)
    if sum(given is not None for given in sources) != 1:
        parser.error("give one of: IMAGE STROKES, --train, --project, --classifier")
    if args.classifier and not args.apply:
        parser.error("--classifier needs --apply FOLDER")
    for option in ("preset", "channels", "scaling"):
        if (args.classifier or args.project) and getattr(args, option) is not None:
            parser.error(f"--{option} belongs to the classifier or the project, which has its own")
    if args.output.resolve() in [path.resolve() for path in (args.train, args.apply) if path]:
        parser.error("--output must be another folder than those of images")
    return args


def _channels(text):
    return [int(part) if part.isdigit() else part for part in text.split(",")]


def _scaling(text):
    limits = [float(part) for part in text.split(",")] if "," in text else text
    try:
        return uk.Scaling(limits)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def is_strokes(path: Path) -> bool:
    """Returns whether a file holds strokes by its name."""
    return path.stem.endswith(STROKES)


def images_in(folder: Path, output: Path) -> list[Path]:
    """Returns the sorted paths of the images of a folder, strokes and results left out.

    Raises:
        ValueError: if the folder holds no images.
    """
    files = folder_files(folder)
    if files.left_out:
        print(f"left out: {', '.join(map(str, files.left_out))}", file=sys.stderr)
    results = output.resolve()
    paths = [path for path in files.images if results not in path.resolve().parents]
    paths = [path for path in paths if not is_strokes(path)]
    if not paths:
        raise ValueError(f"{folder} holds no images.")
    return paths


def pairs_in(folder: Path, images: list[Path]) -> list[tuple[Path, Path]]:
    """Returns `(image, strokes)` paths of the images of a folder that have strokes.

    Raises:
        ValueError: if no image has strokes.
        ValueError: if strokes have no image.
    """
    named = {path.with_suffix(""): path for path in images}
    strokes = {
        path.with_name(path.stem.removesuffix(STROKES)): path
        for path in folder_files(folder).images
        if is_strokes(path)
    }
    alone = sorted(path.name for path in strokes.keys() - named.keys())
    if not strokes or alone:
        raise ValueError(
            f"{folder} must hold NAME{STROKES}.png (.tif, .npy) beside an image of that NAME. "
            f"Without an image: {alone}, strokes in all: {len(strokes)}"
        )
    return [(named[name], strokes[name]) for name in sorted(strokes)]


def trained(pairs, args, broken: dict[Path, Exception]) -> PixelClassifier | None:
    """Returns a classifier of the strokes that can be read; adds others to `broken`."""
    images, labels = [], []
    for path, strokes in pairs:
        failed = path
        try:
            image = uk.read_image(path, args.axes)
            np.asarray(image)  # a part of it may be damaged
            failed = strokes
            labels += as_label_images([strokes], [image], args.axes)
            images.append(image)
        except BROKEN as error:
            broken[failed] = error
    if not images:
        return None
    preset = args.preset or PRESET
    classifier = PixelClassifier(preset, scaling=args.scaling, channels=args.channels)
    return classifier.fit(images, labels)


def main() -> int:
    args = arguments()
    # Path of an image to its name among the results.
    names, pairs, broken = {}, [(args.image, args.strokes)], {}
    if args.image:
        names[args.image] = args.image.stem
    project, described = Project.load(args.project) if args.project else None, {}
    if project:
        described = {image.path: image for image in project.images.values()}
        names = {path: path.stem for path in described}
    for folder in dict.fromkeys(folder for folder in (args.train, args.apply) if folder):
        paths = images_in(folder, args.output)
        if folder == args.train:
            pairs = pairs_in(folder, paths)
            paths = paths if folder == args.apply else [path for path, _ in pairs]
        # Training images may also lie in the other folder.
        same = {path.resolve(): path for path in names}
        for path in paths:
            names.pop(same.get(path.resolve()), None)
            names[path] = path.relative_to(folder).with_suffix("").as_posix()
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"Names of images must differ without their suffix. Received: {sorted(names.values())}"
        )
    args.output.mkdir(parents=True, exist_ok=True)
    if args.classifier:
        saved, classifier = args.classifier, PixelClassifier.load(args.classifier)
    else:
        saved = args.output / "classifier.npz"
        classifier = project.fit() if project else trained(pairs, args, broken)
        if classifier:
            classifier.save(saved)
    if classifier:
        made = content_digest(saved) + " adapt" * args.adapt
        done = Done(args.output)
        progress = keras.utils.Progbar(len(names), unit_name="image")
        for path, name in names.items():
            try:
                origin = [made, content_digest(path), args.axes or ""]
                if not done.has(name, origin):
                    done.forget(name)
                    known = described.get(path)
                    image = known.open() if known else uk.read_image(path, args.axes)
                    write_results(classifier, image, args.output, name, args.adapt)
                    done.add(name, origin)
            except BROKEN as error:
                broken[path] = error
            progress.add(1)
        print(f"classes {classifier.classes_.tolist()}; results: {args.output}")
    for path, error in broken.items():
        print(f"left out because it can't be used: {path}: {error}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    if status := main():
        sys.exit(status)
