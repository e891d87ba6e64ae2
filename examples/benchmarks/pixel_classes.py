"""Measures how useful features are for pixel classification, on four kinds of images.

    python examples/benchmarks/pixel_classes.py ../shared/data --lines
    python examples/benchmarks/pixel_classes.py ../shared/data natural_vae_d16 presets/natural_d32

Faces (CelebAMask-HQ at 256x256 pixels: background, skin, hair, cloth, mouth, eyes with brows),
roads (CamVid at 320x240, 11 classes), cell membranes (ISBI 2012, electron microscopy) and nuclei
(Data Science Bowl 2018, fluorescence and histology).

In-image, a classifier learns from 20 labelled pixels per class, in short strokes, and predicts the
rest of the same image. Across, it learns from 200 pixels per class of 5 images and predicts all
others. A score is the mean IoU over the classes that have 0.5 % of an image, averaged over images,
of the better of two classifiers: a random forest, and logistic regression on standardized features.

`--write` adds the means to the cards of presets. Afterwards the index must be updated by
`examples/tools/index_presets.py`.

The images are the last of each archive in sorted order; of roads, images evenly spaced. No embedder
may have been trained on them, nor on any image of roads.
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
# Least share of an image that a class must have to count.
LEAST = 0.005
STROKED, SAMPLED, TRAINED = 20, 200, 5
METRICS = "pixel classification in-image", "pixel classification across images"
PROTOCOL = (
    "Pixel classification: mean IoU of a plain classifier of pixels by their vectors, mean over "
    "faces, roads, cell membranes and nuclei; in-image from 20 stroked pixels a class, across "
    "images from 200 pixels a class of 5 (examples/benchmarks/pixel_classes.py)."
)
# Parts of CelebAMask-HQ that form classes 1, 2, ...; all others are background.
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
    """Reads, for each kind, images (float32 RGB in 0..1) and labels (or UNLABELLED)."""

    def last(names):
        return names[-count:]

    def spread(names):
        return [names[index] for index in np.linspace(0, len(names) - 1, count).astype(int)]

    return {
        "faces": load_some(folder / "celebamask_hq_512.tar", last, face_classes, size=256),
        "roads": load_some(folder / "camvid_320.tar", spread, road_classes),
        "membranes": load_some(folder / "membranes_256.tar", last),
        "nuclei": load_some(folder / "nuclei_256.tar", last),
    }


def load_some(path, choose, classes=lambda mask: mask, size=None):
    """Reads images and labels of an archive; `choose` picks from all its sorted names."""
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
    """Yields each class of an image and its pixels, `(n, 2)` rows and cols."""
    for value in np.unique(label[label != UNLABELLED]):
        yield value, np.argwhere(label == value)


def strokes(label, random, count=STROKED):
    """Draws pixels `(n, 2)` of each large class, in straight strokes within the class."""
    chosen, length = [], max(1, count // 2)
    for value, pixels in classes_of(label):
        if len(pixels) < LEAST * label.size:
            continue
        stroked = []
        for _ in range(200):
            if len(stroked) >= count:
                break
            start, angle = pixels[random.integers(len(pixels))], random.uniform(0, 2 * np.pi)
            steps = np.outer(np.arange(length), [np.sin(angle), np.cos(angle)])
            for row, col in np.round(start + steps).astype(int):
                inside = 0 <= row < label.shape[0] and 0 <= col < label.shape[1]
                if not inside or label[row, col] != value:
                    break
                stroked.append((row, col))
        chosen += stroked[:count]
    return np.array(chosen)


def scattered(label, random):
    """Draws random pixels `(n, 2)` of each class."""
    return np.concatenate(
        [pixels[random.permutation(len(pixels))[:SAMPLED]] for _, pixels in classes_of(label)]
    )


class Labelled(NamedTuple):
    """Labelled pixels of an image, `(n,)` each."""

    rows: np.ndarray
    cols: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, label, pixels):
        rows, cols = pixels.T
        return cls(rows, cols, label[rows, cols])


def mean_iou(predicted, label, ignored):
    """Computes the mean over large classes of intersection over union, without ignored pixels."""
    scores = []
    for value, pixels in classes_of(label):
        if len(pixels) >= LEAST * label.size:
            guess, truth = (predicted == value) & ~ignored, (label == value) & ~ignored
            scores.append((guess & truth).sum() / max(1, (guess | truth).sum()))
    return np.mean(scores)


class Plain:
    """A classifier of scikit-learn on features of single pixels.

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
        predicted = self.classifier.predict(features.reshape(-1, features.shape[-1]))
        return predicted.reshape(features.shape[:2])


def kept(describe):
    """Returns a function of images that caches its results."""
    known = {}

    def remember(image):
        if id(image) not in known:
            # The image is kept, so that no other one gets its id.
            known[id(image)] = image, np.asarray(describe(image), "float32")
        return known[id(image)][1]

    return remember


def in_image(make_learner, images, labels, count=STROKED, draw=0):
    """Computes the mean IoU in each image of a learner of strokes in the same image.

    Args:
        make_learner: function that returns a new object with `fit(images, labelled)`, with lists of
            images and `Labelled`, and `predict(image)`.
        images: arrays `(height, width, channels)`.
        labels: int arrays `(height, width)`.
        count: int, number of labelled pixels of each class.
        draw: int, number of the draw of strokes; 0 is that of the protocol.

    Returns:
        NumPy array, a score for each image with two classes or more.
    """
    scores = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        random = np.random.default_rng(1000 * number + draw)
        pixels = Labelled.of(label, strokes(label, random, count))
        if len(np.unique(pixels.labels)) < 2:
            continue
        predicted = make_learner().fit([image], [pixels]).predict(image)
        ignored = label == UNLABELLED
        ignored[pixels.rows, pixels.cols] = True
        scores.append(mean_iou(predicted, label, ignored))
    return np.array(scores)


def across(make_learner, images, labels, draw=0):
    """Computes the mean IoU in each image that a learner of others did not see.

    Args:
        make_learner, images, labels: as in `in_image`.
        draw: int, number of the draw of labelled images and pixels; 0, that of the protocol, learns
            from the first images.
    """
    trained = min(TRAINED, len(labels) - 1)
    start = draw * trained % len(labels)
    images, labels = (part[start:] + part[:start] for part in (images, labels))
    labelled = [
        Labelled.of(label, scattered(label, np.random.default_rng(number + 100 * draw)))
        for number, label in enumerate(labels[:trained])
    ]
    learner = make_learner().fit(images[:trained], labelled)
    return np.array(
        [
            mean_iou(learner.predict(image), label, label == UNLABELLED)
            for image, label in zip(images[trained:], labels[trained:], strict=True)
        ]
    )


def score(describe, images, labels):
    """Computes the scores of the better of the classifiers on images of one kind."""
    learners = [lambda make=make: Plain(describe, make()) for make in CLASSIFIERS]
    return Scores(
        *(
            max(task(learner, images, labels).mean() for learner in learners)
            for task in (in_image, across)
        )
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
    parser.add_argument("presets", nargs="*", help="handles of PixelEmbedder.from_preset")
    parser.add_argument("--lines", action="store_true", help="add RGB and filters of scikit-image")
    parser.add_argument("--write", action="store_true", help="add the means to the cards")
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
