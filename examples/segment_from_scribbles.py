"""Segments images into the classes of a few stroked pixels.

    python examples/segment_from_scribbles.py IMAGE STROKES.png --output FOLDER
    python examples/segment_from_scribbles.py --train FOLDER --apply FOLDER --output FOLDER
    python examples/segment_from_scribbles.py --classifier FILE.npz --apply FOLDER --output FOLDER

Strokes are an image of the same height and width. A grey or palette image holds class numbers, 0
for unlabelled pixels. An RGB or RGBA image holds strokes in the colours of
`examples/scribble_app.py`, whose downloads can be used here; any other colour is unlabelled. In a
training folder the strokes of NAME.jpg (or .png, ...) are NAME.strokes.png.

For each image three files are written to the output folder: NAME.labels.png, the class numbers in
grey; NAME.probability.png, the probability of the predicted class in grey, 255 for 1; and
NAME.overlay.png. A classifier that is trained here is saved as classifier.npz. With `--classifier`
an image is skipped if its labels are newer than the classifier, so that an interrupted run can be
resumed.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scribbles.colours import labels_of, overlay
from scribbles.files import label_image, read_image

import umbed_keras  # noqa: F401 (first: it chooses Keras's backend)

# isort: split
import keras

from umbed_keras.segmentation import PixelClassifier

STROKES = ".strokes.png"


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
    args = parser.parse_args()
    if (args.image is None) != (args.strokes is None):
        parser.error("an image needs its strokes: IMAGE STROKES.png")
    if sum(given is not None for given in (args.image, args.train, args.classifier)) != 1:
        parser.error("give one of: IMAGE STROKES.png, --train FOLDER, --classifier FILE")
    if args.classifier and not args.apply:
        parser.error("--classifier needs --apply FOLDER")
    if args.output.resolve() in [path.resolve() for path in (args.train, args.apply) if path]:
        parser.error("--output must be another folder than those of images")
    return args


def images_in(folder: Path) -> list[Path]:
    """Returns the sorted paths of the images of a folder, strokes left out.

    Raises:
        ValueError: if the folder holds no images.
    """
    kinds = Image.registered_extensions()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
    paths = [path for path in paths if not path.name.endswith(STROKES)]
    if not paths:
        raise ValueError(f"{folder} holds no images.")
    return paths


def pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Returns `(image, strokes)` paths of the images of a folder that have strokes.

    Raises:
        ValueError: if no image has strokes.
        ValueError: if strokes have no image.
    """
    images = {path.stem: path for path in images_in(folder)}
    strokes = {path.name.removesuffix(STROKES): path for path in folder.glob(f"*{STROKES}")}
    if not strokes or not strokes.keys() <= images.keys():
        raise ValueError(
            f"{folder} must hold NAME{STROKES} beside an image of that NAME. Without an image: "
            f"{sorted(strokes.keys() - images.keys())}, strokes in all: {len(strokes)}"
        )
    return [(images[name], strokes[name]) for name in sorted(strokes)]


def read_labels(path: Path) -> np.ndarray:
    """Reads a file of strokes as an int32 array of labels `(height, width)`."""
    with Image.open(path) as strokes:
        return labels_of(strokes)


def segment(classifier: PixelClassifier, path: Path, folder: Path) -> None:
    """Writes labels, probabilities and an overlay of an image to a folder."""
    image = read_image(path)
    probabilities = classifier.predict_proba(image)
    labels = classifier.classes_[probabilities.argmax(axis=-1)]
    pictures = {
        "overlay": Image.fromarray(overlay(image, labels)),
        "probability": Image.fromarray(np.uint8(np.rint(255 * probabilities.max(axis=-1)))),
        "labels": label_image(labels),
    }
    # Labels are written last and whole: they mark an image as done.
    for kind, picture in pictures.items():
        part = folder / f".{path.stem}.{kind}.part"
        picture.save(part, "png")
        part.replace(result_path(path, folder, kind))


def result_path(path: Path, folder: Path, kind: str) -> Path:
    """Returns the path of a result (`"labels"`, `"probability"` or `"overlay"`) of an image."""
    return folder / f"{path.stem}.{kind}.png"


def main():
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
        classifier = PixelClassifier(args.preset)
        classifier.fit(list(map(read_image, images)), list(map(read_labels, strokes)))
        saved = args.output / "classifier.npz"
        classifier.save(saved)
    saved_at = saved.stat().st_mtime
    progress = keras.utils.Progbar(len(paths), unit_name="image")
    for path in paths:
        labels = result_path(path, args.output, "labels")
        if not labels.exists() or labels.stat().st_mtime <= saved_at:
            segment(classifier, path, args.output)
        progress.add(1)
    print(f"classes {classifier.classes_.tolist()}; results: {args.output}")


if __name__ == "__main__":
    main()
