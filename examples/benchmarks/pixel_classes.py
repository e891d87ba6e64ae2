"""How useful features of pixels are: pixel classification on four kinds of images.

    python examples/benchmarks/pixel_classes.py ../shared/data --lines
    python examples/benchmarks/pixel_classes.py ../shared/data natural_vae_d16 presets/natural_d32

Faces (CelebAMask-HQ at 256x256 pixels: background, skin, hair, cloth, mouth, eyes with brows),
roads (CamVid at 320x240, 11 classes), cell membranes (ISBI 2012, electron microscopy) and nuclei
(Data Science Bowl 2018, fluorescence and histology).

In-image, 20 labelled pixels a class, in short strokes, teach a classifier the rest of the same
image. Across, 200 pixels a class of 5 images teach it all pixels of the others. Each score is the
mean IoU over the classes that have 0.5 % of an image, averaged over images, of the better of two
classifiers: a random forest, and logistic regression on standardised features.

`--write` adds the means to the presets' cards. Then the index wants to be written anew:
`examples/index_presets.py`.

The images are the last of each archive in sorted order, of roads some spread over all. No embedder
may have learned from those, nor from roads at all.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import umbed_keras as uk

# isort: split
import numpy as np
from _cards import add_to_card
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import open_labelled

UNLABELLED = 255
# Of an image that a class must have to count there.
LEAST = 0.005
STROKED, SAMPLED, TRAINED = 20, 200, 5
METRICS = "pixel classification in-image", "pixel classification across images"
PROTOCOL = (
    "Pixel classification: mean IoU of a plain classifier of pixels by their vectors, mean over "
    "faces, roads, cell membranes and nuclei; in-image from 20 stroked pixels a class, across "
    "images from 200 pixels a class of 5 (examples/benchmarks/pixel_classes.py)."
)
# Parts of CelebAMask-HQ that make up classes 1, 2 ...; the others are background.
FACE_PARTS = ((1, 2, 8, 9, 17), (13,), (18,), (10, 11, 12), (4, 5, 6, 7))
CLASSIFIERS = (
    lambda: RandomForestClassifier(100, n_jobs=-1, random_state=0),
    lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
)


class Scores(NamedTuple):
    """Mean IoU in 0..1 of the two tasks."""

    in_image: float
    across: float

    def __str__(self):
        return " / ".join(f"{value:.3f}" for value in self)


def load(folder, count):
    """Kind to images, float32 RGB in 0..1, and labels, with UNLABELLED where there is none."""

    def last(names):
        return names[-count:]

    def spread(names):
        return [names[place] for place in np.linspace(0, len(names) - 1, count).astype(int)]

    return {
        "faces": _load(folder / "celebamask_hq_512.tar", last, face_classes, size=256),
        "roads": _load(folder / "camvid_320.tar", spread, road_classes),
        "membranes": _load(folder / "membranes_256.tar", last),
        "nuclei": _load(folder / "nuclei_256.tar", last),
    }


def _load(path, choose, classes=lambda mask: mask, size=None):
    images, labels = [], []
    for image, mask in open_labelled(path, choose):
        if size:
            image = image.resize((size, size), Image.Resampling.LANCZOS)
            mask = mask.resize((size, size), Image.Resampling.NEAREST)
        images.append(np.asarray(image, "float32") / 255)
        labels.append(classes(np.asarray(mask).astype(int)))
    return images, labels


def face_classes(mask):
    label = np.zeros_like(mask)
    for value, parts in enumerate(FACE_PARTS, start=1):
        label[np.isin(mask, parts)] = value
    return label


def road_classes(mask):
    return np.where(mask >= 11, UNLABELLED, mask)


def classes_of(label):
    """The classes that an image has any pixel of, and where, `(n, 2)` rows and cols."""
    for value in np.unique(label[label != UNLABELLED]):
        yield value, np.argwhere(label == value)


def strokes(label, random):
    """Pixels `(n, 2)` of each class large enough: straight lines that end where the class does."""
    chosen, length = [], STROKED // 2
    for value, places in classes_of(label):
        if len(places) < LEAST * label.size:
            continue
        found = []
        for _ in range(200):
            if len(found) >= STROKED:
                break
            start, angle = places[random.integers(len(places))], random.uniform(0, 2 * np.pi)
            steps = np.outer(np.arange(length), [np.sin(angle), np.cos(angle)])
            for row, col in np.round(start + steps).astype(int):
                inside = 0 <= row < label.shape[0] and 0 <= col < label.shape[1]
                if not inside or label[row, col] != value:
                    break
                found.append((row, col))
        chosen += found[:STROKED]
    return np.array(chosen)


def scattered(label, random):
    """Random pixels `(n, 2)` of each class."""
    return np.concatenate(
        [places[random.permutation(len(places))[:SAMPLED]] for _, places in classes_of(label)]
    )


def mean_iou(found, label, ignored):
    """Mean over the classes large enough of intersection over union, where nothing is ignored."""
    scores = []
    for value, places in classes_of(label):
        if len(places) >= LEAST * label.size:
            ours, theirs = (found == value) & ~ignored, (label == value) & ~ignored
            scores.append((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return np.mean(scores)


def predict(classifier, values):
    """The classes of all pixels of one image."""
    return classifier.predict(values.reshape(-1, values.shape[-1])).reshape(values.shape[:2])


def in_image(make_classifier, features, labels):
    """Mean IoU of images' pixels by what strokes in the same image teach.

    Args:
        make_classifier: gives a new classifier with scikit-learn's `fit` and `predict`.
        features: arrays `(height, width, numbers)`, one an image.
        labels: int arrays `(height, width)`.
    """
    scores = []
    for number, (values, label) in enumerate(zip(features, labels, strict=True)):
        rows, cols = strokes(label, np.random.default_rng(1000 * number)).T
        taught = label[rows, cols]
        if len(np.unique(taught)) < 2:
            continue
        classifier = make_classifier().fit(values[rows, cols], taught)
        ignored = label == UNLABELLED
        ignored[rows, cols] = True
        scores.append(mean_iou(predict(classifier, values), label, ignored))
    return np.mean(scores)


def across(make_classifier, features, labels):
    """Mean IoU of images' pixels by what the first images teach; arguments of `in_image`."""
    trained = min(TRAINED, len(labels) - 1)
    inputs, targets = [], []
    for number in range(trained):
        rows, cols = scattered(labels[number], np.random.default_rng(number)).T
        inputs.append(features[number][rows, cols])
        targets.append(labels[number][rows, cols])
    classifier = make_classifier().fit(np.concatenate(inputs), np.concatenate(targets))
    return np.mean(
        [
            mean_iou(predict(classifier, values), label, label == UNLABELLED)
            for values, label in zip(features[trained:], labels[trained:], strict=True)
        ]
    )


def score(features, labels, classifiers=CLASSIFIERS):
    """What the best of some classifiers makes of one kind's features; arguments of `in_image`."""
    return Scores(
        *(max(task(make, features, labels) for make in classifiers) for task in (in_image, across))
    )


def filter_bank(image):
    from skimage.feature import multiscale_basic_features

    return multiscale_basic_features(image, channel_axis=-1, sigma_min=1, sigma_max=16)


def embedding(preset):
    model = uk.PixelEmbedder.from_preset(preset)
    return lambda image: model.embed(image[None])[0]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the four archives")
    parser.add_argument("presets", nargs="*", help="what PixelEmbedder.from_preset takes")
    parser.add_argument("--lines", action="store_true", help="RGB and scikit-image's filters, too")
    parser.add_argument("--write", action="store_true", help="add the means to the presets' cards")
    parser.add_argument("--count", type=int, default=25, help="images of each kind, at least 2")
    args = parser.parse_intermixed_args()
    data = load(args.data, args.count)
    rows, cards = {}, {}
    if args.lines:
        rows["RGB"] = lambda: lambda image: image
        rows["scikit-image's multiscale features"] = lambda: filter_bank
    for preset in args.presets:
        name = f"`{Path(preset).name}`"
        rows[name], cards[name] = lambda preset=preset: embedding(preset), preset
    print("mean IoU, in-image / across\n")
    print(
        "|".join(["", " features ", *(f" {kind} " for kind in data), " mean ", " s an image ", ""])
    )
    print("|---" * (len(data) + 3) + "|")
    for name, make in rows.items():
        describe, seconds, scores = make(), 0.0, []
        for images, labels in data.values():
            start = time.perf_counter()
            features = [np.asarray(describe(image), "float32") for image in images]
            seconds += time.perf_counter() - start
            scores.append(score(features, labels))
        seconds /= sum(len(images) for images, _ in data.values())
        mean = Scores(*map(float, np.mean(scores, axis=0)))
        cells = [name, *scores, mean, f"{seconds:.3f}"]
        print("|", " | ".join(map(str, cells)), "|", flush=True)
        if args.write and name in cards:
            add_to_card(cards[name], PROTOCOL, dict(zip(METRICS, mean, strict=True)))


if __name__ == "__main__":
    main()
