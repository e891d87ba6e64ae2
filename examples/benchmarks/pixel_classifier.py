"""Measures accuracy and time of `PixelClassifier` and of other pixel classifiers.

    python examples/benchmarks/pixel_classifier.py ../shared/data --bsds ../shared/data/bsds.tar

Prints three tables: the scores of the protocol of `pixel_classes.py`, mean over three draws of
strokes and of training images (`--draws 1` is the protocol itself), one method per row; time and
memory on the portrait of 512x512 pixels, each in its own process; and, with `--growth FIGURE`, the
score in-image over the number of labelled pixels.

The methods are logistic regression on colours; a random forest of 100 trees, as in scikit-image, on
principal components of patch pyramids (fitted on the training images of BSDS), on the multiscale
features of scikit-image, and on ilastik's filters at its scales (where `fastfilters2` is
installed); `FewLabelsClassifier` on scikit-image's features; napari-convpaint with its Gaussian
features (where it is installed; its other features need weights that are downloaded); and
`PixelClassifier` with a Gaussian filter, as it is, and adapting to each image.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from pathlib import Path

import umbed_keras as uk
from umbed_keras.segmentation import FewLabelsClassifier, PixelClassifier
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
from training.images import portrait

from umbed_keras.images.squares.sources import load_split

GROWTH = 5, 10, 20, 50, 100, 200
# Number of images of each kind for `--growth`.
GROWN = 8
ROUNDS = 5


class Strokes:
    """`PixelClassifier` with the interface of `pixel_classes.Plain`.

    Args:
        model: `PixelEmbedder`.
        kept: `PixelFeatures` whose vectors are shared, or None.
        adapt: bool, as in `PixelClassifier.predict`.
        **options: arguments of `PixelClassifier`.
    """

    def __init__(self, model, kept=None, adapt=False, **options):
        self.classifier, self.adapt = PixelClassifier(model, **options), adapt
        if kept is not None:
            self.classifier._features = kept

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
        return self.classifier.predict(image, adapt=self.adapt) - 1


def coloured(describe):
    """Returns a function that puts the channels of an image before its features."""

    def with_colours(image):
        colours = image / np.float32(255) if image.dtype == np.uint8 else image
        return np.concatenate([colours, describe(image)], axis=-1, dtype="float32")

    return with_colours


# Standard deviations of ilastik's filters, in pixels.
ILASTIK_SCALES = 0.3, 0.7, 1.0, 1.6, 3.5, 5.0, 10.0


def ilastik_filters(image):
    """Computes the seven filters of ilastik for each channel and scale."""
    from fastfilters2 import compute_filters

    channels = np.moveaxis(np.asarray(image, "float32"), -1, 0)
    filtered = [
        compute_filters(np.ascontiguousarray(channel), scale)
        for channel in channels
        for scale in ILASTIK_SCALES
    ]
    return np.moveaxis(np.concatenate(filtered), 0, -1)


class Convpaint:
    """napari-convpaint's model with Gaussian features, with the interface of `Plain`."""

    def fit(self, images, labelled):
        from napari_convpaint import ConvpaintModel

        self.model = ConvpaintModel("gaussian")
        self.model.set_params(channel_mode="rgb")
        annotations = []
        for image, pixels in zip(images, labelled, strict=True):
            label = np.zeros(image.shape[:2], int)
            label[pixels.rows, pixels.cols] = pixels.labels + 1
            annotations.append(label)
        with contextlib.redirect_stdout(io.StringIO()):
            self.model.train([np.moveaxis(image, -1, 0) for image in images], annotations)
        return self

    def predict(self, image):
        return np.asarray(self.model.segment(np.moveaxis(image, -1, 0))) - 1


def all_methods(model, bsds):
    """Returns, for each method, the function of features and the function of learners.

    Args:
        model: `PixelEmbedder`.
        bsds: path of the images for principal components, or None to leave them out.
    """

    colours = CLASSIFIERS[1]
    vectors = PixelFeatures(model, kept_bytes=4 << 30)

    def forest(describe):
        return Plain(describe, RandomForestClassifier(100, n_jobs=-1, random_state=0))

    def ours(**options):
        return vectors, lambda _: Strokes(model, vectors, **options)

    methods = {
        "colours, logistic regression": (lambda image: image, lambda see: Plain(see, colours())),
        "scikit-image's features, random forest": (filter_bank, forest),
        "scikit-image's features, our classifier": (
            coloured(filter_bank),
            lambda see: Plain(see, FewLabelsClassifier()),
        ),
        "`PixelClassifier`, Gaussian filter of 1.5 pixels": ours(smoothing=1.5),
        "`PixelClassifier`": ours(),
        "`PixelClassifier`, `adapt=True`": ours(adapt=True),
    }
    if importlib.util.find_spec("fastfilters2"):
        methods["ilastik's filters, random forest"] = ilastik_filters, forest
    if importlib.util.find_spec("napari_convpaint"):
        methods["napari-convpaint, Gaussian features"] = (
            lambda image: image,
            lambda _: Convpaint(),
        )
    if bsds:
        pyramids = uk.PixelEmbedder(latent_dim=16, seed=0)
        pyramids.adapt(load_split(bsds, tiles=True)[0])
        components = (lambda image: pyramids.embed(image[None])[0]), forest
        methods["16 principal components, random forest"] = components
    return methods


def scores(methods, data, draws):
    """Prints the scores of all methods, and the standard errors of their means over images."""
    print(f"| | {' | '.join(data)} | mean | s.e. |\n|---{'|---' * (len(data) + 2)}|")
    for name, (describe, make) in methods.items():
        learner, row, errors = partial(make, kept(describe)), [], []
        for kind in data.values():
            every = [
                np.concatenate([task(learner, *kind, draw=draw) for draw in range(draws)])
                for task in (in_image, across)
            ]
            row.append(Scores(*(float(part.mean()) for part in every)))
            # The draws of an image are not independent.
            errors.append([part.std(ddof=1) / np.sqrt(len(part) / draws) for part in every])
        mean = Scores(*map(float, np.mean(row, axis=0)))
        error = Scores(*np.sqrt(np.square(errors).sum(0)) / len(errors))
        print(f"| {name} | {' | '.join(map(str, row))} | {mean} | {error} |", flush=True)


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
            row = [in_image(learner, *kind, count).mean() for kind in few]
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
    parser.add_argument("preset", nargs="?", default=PixelClassifier().embedder)
    parser.add_argument("--bsds", type=Path, help="images for principal components")
    parser.add_argument("--count", type=int, default=25, help="images of each kind, at least 2")
    parser.add_argument("--draws", type=int, default=3, help="of strokes and of training images")
    parser.add_argument("--growth", type=Path, metavar="FIGURE", help="draw the score over labels")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_intermixed_args()
    methods = all_methods(uk.PixelEmbedder.from_preset(args.preset), args.bsds)
    if args.one:
        measure(*methods[args.one])
        return
    data = load(args.data, args.count)
    print("mean IoU, in-image / across\n")
    scores(methods, data, args.draws)
    times(methods, sys.argv[1:])
    if args.growth:
        growth(methods, data, args.growth)


if __name__ == "__main__":
    main()
