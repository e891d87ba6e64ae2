"""Learns classes from a few stroked pixels and gives them to all, on this image and others.

    python examples/segment_from_scribbles.py IMAGE STROKES.png --output FOLDER
    python examples/segment_from_scribbles.py --train FOLDER --apply FOLDER --output FOLDER
    python examples/segment_from_scribbles.py --classifier FILE.npz --apply FOLDER --output FOLDER

Strokes are an image of the same height and width: grey or with a palette, whose values are class
numbers, 0 for no label; or RGB or RGBA, with strokes in the colours of `examples/scribble_app.py`
(which downloads such) on any other colour or none. A folder to train on has them beside the images:
NAME.strokes.png beside NAME.jpg, or whatever the image's kind is.

Of each image the output folder gets NAME.labels.png, grey, the class numbers;
NAME.probability.png, grey, that of the winning class, 255 for 1; and NAME.overlay.png. With strokes
it gets the classifier, too, classifier.npz. With `--classifier` images are passed over whose labels
are newer than the classifier: what was interrupted goes on.
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
    parser.add_argument("strokes", nargs="?", type=Path, help="of the image's size")
    parser.add_argument("--train", type=Path, help="folder of images with strokes beside them")
    parser.add_argument("--classifier", type=Path, help="what this or the page saved, .npz")
    parser.add_argument("--apply", type=Path, help="folder of more images")
    parser.add_argument("--preset", default="natural_lite0_vae_d32", help="gives the vectors")
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


def images_in(folder):
    """The paths of a folder's images, sorted, without strokes.

    Raises:
        ValueError: there are none.
    """
    kinds = Image.registered_extensions()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
    paths = [path for path in paths if not path.name.endswith(STROKES)]
    if not paths:
        raise ValueError(f"{folder} holds no images.")
    return paths


def pairs_in(folder):
    """Pairs of an image's path and that of its strokes, of those images that have any.

    Raises:
        ValueError: there are none, or strokes without an image.
    """
    images = {path.stem: path for path in images_in(folder)}
    strokes = {path.name.removesuffix(STROKES): path for path in folder.glob(f"*{STROKES}")}
    if not strokes or not strokes.keys() <= images.keys():
        raise ValueError(
            f"{folder} must hold NAME{STROKES} beside an image of that NAME. Without an image: "
            f"{sorted(strokes.keys() - images.keys())}, strokes in all: {len(strokes)}"
        )
    return [(images[name], strokes[name]) for name in sorted(strokes)]


def read_labels(path):
    """The labels that an image file of strokes stands for."""
    with Image.open(path) as strokes:
        return labels_of(strokes)


def segment(classifier, path, folder):
    """Writes labels, probabilities and an overlay of an image."""
    image = read_image(path)
    said = classifier.predict_proba(image)
    labels = classifier.classes_[said.argmax(axis=-1)]
    pictures = {
        "overlay": Image.fromarray(overlay(image, labels)),
        "probability": Image.fromarray(np.uint8(np.rint(255 * said.max(axis=-1)))),
        "labels": label_image(labels),
    }
    # Labels last, and whole or not at all: they say that an image is done.
    for kind, picture in pictures.items():
        part = folder / f".{path.stem}.{kind}.part"
        picture.save(part, "png")
        part.replace(result(path, folder, kind))


def result(path, folder, kind):
    """Where what is found in an image goes."""
    return folder / f"{path.stem}.{kind}.png"


def main():
    args = arguments()
    pairs = []
    if not args.classifier:
        pairs = pairs_in(args.train) if args.train else [(args.image, args.strokes)]
    paths = [path for path, _ in pairs]
    # Those learned from may lie among the others.
    paths = list(dict.fromkeys(paths + (images_in(args.apply) if args.apply else [])))
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        raise ValueError(f"Images must have names of their own, whatever their kind: {names}")
    args.output.mkdir(parents=True, exist_ok=True)
    if args.classifier:
        saved, classifier = args.classifier, PixelClassifier.load(args.classifier)
    else:
        images, strokes = zip(*pairs, strict=True)
        classifier = PixelClassifier(args.preset)
        classifier.fit(list(map(read_image, images)), list(map(read_labels, strokes)))
        saved = args.output / "classifier.npz"
        classifier.save(saved)
    known = saved.stat().st_mtime
    progress = keras.utils.Progbar(len(paths), unit_name="image")
    for path in paths:
        done = result(path, args.output, "labels")
        if not done.exists() or done.stat().st_mtime <= known:
            segment(classifier, path, args.output)
        progress.add(1)
    print(f"classes {classifier.classes_.tolist()}; results: {args.output}")


if __name__ == "__main__":
    main()
