"""Segments images into the classes of a few stroked pixels.

    python examples/segment_from_scribbles.py IMAGE STROKES --output FOLDER
    python examples/segment_from_scribbles.py --train FOLDER --apply FOLDER --output FOLDER
    python examples/segment_from_scribbles.py --classifier FILE.npz --apply FOLDER --output FOLDER

Images are files of every kind that `umbed_keras.read_image` reads: any number type, any channels,
stacks. Their numbers are scaled as `--scaling` says, by default from the 1st to the 99.8th
percentile of each channel unless they have 8 bits or lie in 0..1.

Strokes are an image of the same height and width (and planes). A grey or palette image or an array
holds class numbers, 0 for unlabelled pixels. An image in colours holds strokes in the colours of
`examples/scribble_app.py`, whose downloads can be used here; any other colour is unlabelled. In a
training folder the strokes of NAME.jpg (or .tif, ...) are NAME.strokes.png, .tif or .npy.

For each image three files are written to the output folder: NAME.labels.png, the class numbers;
NAME.probability.png, the probability of the predicted class, 255 for 1; and NAME.overlay.png, of
the middle plane of a stack. Labels and probabilities of stacks, labels beyond 65535 and those of
images with a georeference are TIFF files. A classifier that is trained here is saved as
classifier.npz. An image is skipped if its results are there, made by the same classifier from the
same content (done.json), so that an interrupted run can be resumed. Files that cannot be read are
left out and named at the end, and the exit status is 1.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
from scribbles.colours import overlay
from scribbles.files import picture

import umbed_keras as uk

# isort: split
import keras

from umbed_keras.files import written_whole
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.labels import write_labels
from umbed_keras.segmentation import PixelClassifier

STROKES = ".strokes"
KINDS = ("labels", "probability", "overlay")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("strokes", nargs="?", type=Path, help="of the size of the image")
    parser.add_argument("--train", type=Path, help="folder of images with strokes beside them")
    parser.add_argument("--classifier", type=Path, help=".npz file of this script or the page")
    parser.add_argument("--apply", type=Path, help="folder of images to segment")
    parser.add_argument("--preset", default="natural_lite0_vae_d32", help="preset of the vectors")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    parser.add_argument("--axes", help="axes of files that do not name theirs, such as zyx")
    parser.add_argument("--channels", type=_channels, help="numbers or names, such as 0,2")
    parser.add_argument(
        "--scaling",
        type=_scaling,
        default="auto",
        help="auto, percentiles, dtype, or the numbers that become 0 and 1, such as 0,4095",
    )
    parser.add_argument("--adapt", action="store_true", help="learn from every image as well")
    args = parser.parse_args()
    if (args.image is None) != (args.strokes is None):
        parser.error("an image needs its strokes: IMAGE STROKES")
    if sum(given is not None for given in (args.image, args.train, args.classifier)) != 1:
        parser.error("give one of: IMAGE STROKES, --train FOLDER, --classifier FILE")
    if args.classifier and not args.apply:
        parser.error("--classifier needs --apply FOLDER")
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


def images_in(folder: Path) -> list[Path]:
    """Returns the sorted paths of the images of a folder, strokes left out.

    Raises:
        ValueError: if the folder holds no images.
    """
    files = folder_files(folder)
    if files.left_out:
        print(f"left out: {', '.join(map(str, files.left_out))}", file=sys.stderr)
    paths = [path for path in files.images if not is_strokes(path)]
    if not paths:
        raise ValueError(f"{folder} holds no images.")
    return paths


def pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Returns `(image, strokes)` paths of the images of a folder that have strokes.

    Raises:
        ValueError: if no image has strokes.
        ValueError: if strokes have no image.
    """
    images = {path.with_suffix(""): path for path in images_in(folder)}
    strokes = {
        path.with_name(path.stem.removesuffix(STROKES)): path
        for path in folder_files(folder).images
        if is_strokes(path)
    }
    alone = sorted(path.name for path in strokes.keys() - images.keys())
    if not strokes or alone:
        raise ValueError(
            f"{folder} must hold NAME{STROKES}.png (.tif, .npy) beside an image of that NAME. "
            f"Without an image: {alone}, strokes in all: {len(strokes)}"
        )
    return [(images[name], strokes[name]) for name in sorted(strokes)]


def content(path: Path) -> str:
    """Returns the SHA-256 of a file, or of all files of a folder."""
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def segment(classifier: PixelClassifier, path: Path, args: argparse.Namespace) -> None:
    """Writes labels, probabilities and an overlay of an image to the output folder."""
    image = uk.read_image(path, args.axes)
    probabilities = classifier.predict_proba(image, adapt=args.adapt)
    known = ~np.isnan(probabilities[..., 0])
    probabilities = np.nan_to_num(probabilities)
    labels = np.where(known, classifier.classes_[probabilities.argmax(axis=-1)], 0)
    largest = np.rint(255 * probabilities.max(axis=-1)).astype("uint8")
    target = {kind: args.output / f"{path.stem}.{kind}.png" for kind in KINDS}
    if image.num_planes == 1:
        with written_whole(target["probability"]) as part:
            PIL.Image.fromarray(largest.squeeze()).save(part, "png")
    else:
        write_labels(target["probability"].with_suffix(".tif"), largest, image)
    plane = tuple(size // 2 for size in image.plane_shape)
    shown = dict(zip(image.plane_axes, plane, strict=True))
    letters = image.axes.replace("c", "")
    middle = labels[tuple(shown.get(axis, slice(None)) for axis in letters)]
    if letters.index("x") < letters.index("y"):
        middle = middle.T
    with written_whole(target["overlay"]) as part:
        PIL.Image.fromarray(overlay(picture(classifier, image, plane), middle)).save(part, "png")
    write_labels(target["labels"], labels, image)


def main() -> int:
    args = arguments()
    pairs = []
    if not args.classifier:
        pairs = pairs_in(args.train) if args.train else [(args.image, args.strokes)]
    paths = [path for path, _ in pairs]
    # Training images may also lie in the other folder.
    paths = list(dict.fromkeys(paths + (images_in(args.apply) if args.apply else [])))
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"Names of images must differ without their suffix. Received: {names}")
    args.output.mkdir(parents=True, exist_ok=True)
    if args.classifier:
        saved, classifier = args.classifier, PixelClassifier.load(args.classifier)
    else:
        images, strokes = zip(*pairs, strict=True)
        classifier = PixelClassifier(args.preset, scaling=args.scaling, channels=args.channels)
        classifier.fit(list(images), list(strokes), axes=args.axes)
        saved = args.output / "classifier.npz"
        classifier.save(saved)
    made = content(saved) + " adapt" * args.adapt
    record = args.output / "done.json"
    done = json.loads(record.read_text()) if record.exists() else {}
    broken = {}
    progress = keras.utils.Progbar(len(paths), unit_name="image")
    for path in paths:
        try:
            identity = [made, content(path)]
            results = [args.output / f"{path.stem}.labels{end}" for end in (".png", ".tif")]
            if done.get(path.stem) != identity or not any(map(Path.exists, results)):
                segment(classifier, path, args)
                done[path.stem] = identity
                with written_whole(record) as part:
                    part.write_text(json.dumps(done))
        except (ImportError, OSError, TypeError, ValueError) as error:
            broken[path] = error
        progress.add(1)
    print(f"classes {classifier.classes_.tolist()}; results: {args.output}")
    for path, error in broken.items():
        print(f"not segmented: {path}: {error}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    if status := main():
        sys.exit(status)
