"""Measures accuracy and time of `PixelClassifier` and of other pixel classifiers.

    python examples/benchmarks/pixel_classifier.py ../shared/data --bsds ../shared/data/bsds.tar

Prints three tables: the scores of the protocol of `pixel_classes.py`, with one method per row, not
the better of two; time and memory on the portrait of 512x512 pixels, each in its own process; and,
with `--growth FIGURE`, the score in-image over the number of labelled pixels.

The methods are logistic regression on colours; a random forest of 100 trees, as in scikit-image, on
principal components of patch pyramids (fitted on the training images of BSDS) and on the multiscale
features of scikit-image; the classifier of `PixelClassifier` on the latter; and `PixelClassifier`.
"""

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from pathlib import Path

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier
from umbed_keras.segmentation.pixel_features import PixelFeatures

# isort: split
import numpy as np
from pixel_classes import (
    CLASSIFIERS,
    Labelled,
    Plain,
    Scores,
    across,
    filter_bank,
    in_image,
    kept,
    load,
)
from sklearn.ensemble import RandomForestClassifier

sys.path.append(str(Path(__file__).resolve().parents[1]))
from training.images import load_split, portrait

GROWTH = 5, 10, 20, 50, 100, 200
# Number of images of each kind for `--growth`.
GROWN = 8
ROUNDS = 5


class Described(PixelClassifier):
    """`PixelClassifier` with other features.

    Args:
        embedder: `PixelEmbedder`.
        describe: as in `Strokes`.
    """

    def __init__(self, embedder, describe):
        super().__init__(embedder)
        self.describe = describe

    @property
    def features(self):
        return OtherFeatures(self.embedder, self.describe)


class Strokes:
    """`PixelClassifier` with the interface of `pixel_classes.Plain`.

    Args:
        model: `PixelEmbedder`.
        describe: function from an image to its channels followed by features, which replace those
            of the classifier.
    """

    def __init__(self, model, describe):
        self.classifier = Described(model, describe)

    def fit(self, images, labelled):
        labels = []
        for image, pixels in zip(images, labelled, strict=True):
            # There 0 means unlabelled.
            label = np.zeros(image.shape[:2], int)
            label[pixels.rows, pixels.cols] = pixels.labels + 1
            labels.append(label)
        self.classifier.fit(images, labels)
        return self

    def predict(self, image):
        return self.classifier.predict(image) - 1


class OtherFeatures:
    """The interface of `PixelFeatures` for other features of images of 3 channels."""

    def __init__(self, embedder, describe):
        self.embedder = embedder
        self.describe = describe

    def __call__(self, image):
        return self.describe(image)

    def channels_last(self, image):
        return image

    def num_channels(self, num_features):
        return 3


def coloured(describe):
    """Returns a function that puts the channels of an image before its features."""

    def with_colours(image):
        colours = image / np.float32(255) if image.dtype == np.uint8 else image
        return np.concatenate([colours, describe(image)], axis=-1, dtype="float32")

    return with_colours


def all_methods(model, bsds):
    """Returns, for each method, the function of features and the function of learners.

    Args:
        model: `PixelEmbedder`.
        bsds: path of the images for principal components, or None to leave them out.
    """

    colours = CLASSIFIERS[1]
    ours = partial(Strokes, model)

    def forest(describe):
        return Plain(describe, RandomForestClassifier(100, n_jobs=-1, random_state=0))

    methods = {
        "colours, logistic regression": (lambda image: image, lambda see: Plain(see, colours())),
        "scikit-image's features, random forest": (filter_bank, forest),
        "scikit-image's features, our classifier": (coloured(filter_bank), ours),
        "`PixelClassifier`": (PixelFeatures(model, kept_bytes=0), ours),
    }
    if bsds:
        pyramids = uk.PixelEmbedder(latent_dim=16, seed=0)
        pyramids.adapt(load_split(bsds, tiles=True)[0])
        components = (lambda image: pyramids.embed(image[None])[0]), forest
        methods["16 principal components, random forest"] = components
    return methods


def scores(methods, data):
    """Prints the scores of all methods."""
    print(f"| | {' | '.join(data)} | mean |\n|---{'|---' * (len(data) + 1)}|")
    for name, (describe, make) in methods.items():
        learner, row = partial(make, kept(describe)), []
        for kind in data.values():
            row.append(Scores(*(float(task(learner, *kind)) for task in (in_image, across))))
        mean = Scores(*map(float, np.mean(row, axis=0)))
        print(f"| {name} | {' | '.join(map(str, row))} | {mean} |", flush=True)


def strokes_of_portrait():
    """Draws labels on the portrait: face, hair, suit and background."""
    label = np.zeros((512, 512), int)
    label[100:160, 222] = 1
    label[42, 190:240] = 2
    label[350, 120:220] = label[250:300, 130] = 3
    label[60, 20:80] = label[40:150, 330] = 4
    return label


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def measure(describe, make):
    """Prints the least seconds of several rounds and the peak memory of one, in MB, as JSON."""
    image, label = portrait(), strokes_of_portrait()
    pixels = Labelled.of(label, np.argwhere(label))

    def whole():
        features, seconds = timed(describe, image)
        learner = make(lambda _: features)
        _, learning = timed(learner.fit, [image], [pixels])
        _, predicting = timed(learner.predict, image)
        return seconds, learning, predicting

    rounds = [whole() for _ in range(ROUNDS)]
    # Allocations of the backend of the embedder are not counted.
    tracemalloc.start()
    whole()
    peak = tracemalloc.get_traced_memory()[1]
    print(json.dumps([*np.min(rounds, axis=0), peak / 2**20]))


def times(methods, arguments):
    """Prints time and memory of all methods, each measured in its own process."""
    print("\n| 512x512 | features, s | fit, s | predict, s | fit and predict | peak of NumPy, MB |")
    print("|---|---|---|---|---|---|")
    for name in methods:
        command = [sys.executable, __file__, *arguments, "--one", name]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        seconds, fit, predict, peak = json.loads(out.splitlines()[-1])
        cells = [f"{value:.3f}" for value in (seconds, fit, predict, fit + predict)]
        print(f"| {name} | {' | '.join(cells)} | {peak:.0f} |", flush=True)


def growth(methods, data, path):
    """Prints and draws the score over the number of labelled pixels."""
    from matplotlib.figure import Figure

    few = [(images[:GROWN], labels[:GROWN]) for images, labels in data.values()]
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axis = figure.subplots()
    print(f"\n| labelled pixels a class | {' | '.join(map(str, GROWTH))} |")
    print(f"|---{'|---' * len(GROWTH)}|")
    for name, (describe, make) in methods.items():
        learner, means = partial(make, kept(describe)), []
        for count in GROWTH:
            row = [in_image(learner, *kind, count) for kind in few]
            means.append(float(np.mean(row)))
        print(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} |", flush=True)
        axis.plot(GROWTH, means, marker="o", label=name.replace("`", ""))
    axis.set_xscale("log")
    axis.set_xticks(GROWTH, map(str, GROWTH))
    axis.minorticks_off()
    axis.set_xlabel("labelled pixels a class, in strokes")
    axis.set_ylabel("mean IoU of the rest of the image")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the four archives")
    parser.add_argument("preset", nargs="?", default="natural_lite0_vae_d32")
    parser.add_argument("--bsds", type=Path, help="images for principal components")
    parser.add_argument("--count", type=int, default=25, help="images of each kind, at least 2")
    parser.add_argument("--growth", type=Path, metavar="FIGURE", help="draw the score over labels")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_intermixed_args()
    methods = all_methods(uk.PixelEmbedder.from_preset(args.preset), args.bsds)
    if args.one:
        measure(*methods[args.one])
        return
    data = load(args.data, args.count)
    print("mean IoU, in-image / across\n")
    scores(methods, data)
    times(methods, sys.argv[1:])
    if args.growth:
        growth(methods, data, args.growth)


if __name__ == "__main__":
    main()
