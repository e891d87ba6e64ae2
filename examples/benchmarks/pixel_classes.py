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
`examples/tools/index_presets.py`.

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


def strokes(label, random, count=STROKED):
    """Pixels `(n, 2)` of each class large enough: straight lines that end where the class does."""
    chosen, length = [], max(1, count // 2)
    for value, places in classes_of(label):
        if len(places) < LEAST * label.size:
            continue
        found = []
        for _ in range(200):
            if len(found) >= count:
                break
            start, angle = places[random.integers(len(places))], random.uniform(0, 2 * np.pi)
            steps = np.outer(np.arange(length), [np.sin(angle), np.cos(angle)])
            for row, col in np.round(start + steps).astype(int):
                inside = 0 <= row < label.shape[0] and 0 <= col < label.shape[1]
                if not inside or label[row, col] != value:
                    break
                found.append((row, col))
        chosen += found[:count]
    return np.array(chosen)


def scattered(label, random):
    """Random pixels `(n, 2)` of each class."""
    return np.concatenate(
        [places[random.permutation(len(places))[:SAMPLED]] for _, places in classes_of(label)]
    )


class Labelled(NamedTuple):
    """Labelled pixels of an image, in the order in which they were chosen: `(n,)` each."""

    rows: np.ndarray
    cols: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, label, places):
        rows, cols = places.T
        return cls(rows, cols, label[rows, cols])


def mean_iou(found, label, ignored):
    """Mean over the classes large enough of intersection over union, where nothing is ignored."""
    scores = []
    for value, places in classes_of(label):
        if len(places) >= LEAST * label.size:
            ours, theirs = (found == value) & ~ignored, (label == value) & ~ignored
            scores.append((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return np.mean(scores)


class Plain:
    """A classifier of scikit-learn that sees features of pixels, one by one.

    Args:
        describe: function from an image to features `(height, width, numbers)`.
        classifier: a new classifier.
    """

    def __init__(self, describe, classifier):
        self.describe, self.classifier = describe, classifier

    def fit(self, images, labelled):
        pairs = list(zip(images, labelled, strict=True))
        features = [self.describe(image)[pixels.rows, pixels.cols] for image, pixels in pairs]
        self.classifier.fit(np.concatenate(features), np.concatenate([p.labels for p in labelled]))
        return self

    def predict(self, image):
        features = self.describe(image)
        found = self.classifier.predict(features.reshape(-1, features.shape[-1]))
        return found.reshape(features.shape[:2])


def kept(describe):
    """A function of images that remembers what it gave."""
    known = {}

    def remember(image):
        if id(image) not in known:
            # With the image itself, lest another get its identity.
            known[id(image)] = image, np.asarray(describe(image), "float32")
        return known[id(image)][1]

    return remember


def in_image(make_learner, images, labels, count=STROKED):
    """Mean IoU of images' pixels by what strokes in the same image teach.

    Args:
        make_learner: gives something new with `fit(images, labelled)`, of a list of images and of
            `Labelled`, and `predict(image)`.
        images: arrays `(height, width, channels)`.
        labels: int arrays `(height, width)`.
        count: int, labelled pixels of each class.
    """
    scores = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        places = strokes(label, np.random.default_rng(1000 * number), count)
        pixels = Labelled.of(label, places)
        if len(np.unique(pixels.labels)) < 2:
            continue
        found = make_learner().fit([image], [pixels]).predict(image)
        ignored = label == UNLABELLED
        ignored[pixels.rows, pixels.cols] = True
        scores.append(mean_iou(found, label, ignored))
    return np.mean(scores)


def across(make_learner, images, labels):
    """Mean IoU of images' pixels by what the first images teach; arguments of `in_image`."""
    trained = min(TRAINED, len(labels) - 1)
    labelled = [
        Labelled.of(label, scattered(label, np.random.default_rng(number)))
        for number, label in enumerate(labels[:trained])
    ]
    learner = make_learner().fit(images[:trained], labelled)
    return np.mean(
        [
            mean_iou(learner.predict(image), label, label == UNLABELLED)
            for image, label in zip(images[trained:], labels[trained:], strict=True)
        ]
    )


def score(describe, images, labels):
    """What the better of the plain classifiers makes of one kind's features."""
    learners = [lambda make=make: Plain(describe, make()) for make in CLASSIFIERS]
    return Scores(
        *(max(task(learner, images, labels) for learner in learners) for task in (in_image, across))
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
            remembered = kept(describe)
            for image in images:
                remembered(image)
            seconds += time.perf_counter() - start
            scores.append(score(remembered, images, labels))
        seconds /= sum(len(images) for images, _ in data.values())
        mean = Scores(*map(float, np.mean(scores, axis=0)))
        cells = [name, *scores, mean, f"{seconds:.3f}"]
        print("|", " | ".join(map(str, cells)), "|", flush=True)
        if args.write and name in cards:
            add_to_card(cards[name], PROTOCOL, dict(zip(METRICS, mean, strict=True)))


if __name__ == "__main__":
    main()
