"""Measures what suggestions of strokes save, and how well instances of nuclei are found.

    python examples/benchmarks/labelling.py ../shared/data
    python examples/benchmarks/labelling.py ../shared/data --half development

Strokes: images begin with one stroke of up to 8 pixels of each class, and get one stroke after the
other, at the first of `PixelClassifier.suggest` or at a random pixel, each of the true class of its
first pixel. Faces are segmented one by one; nuclei are projects of several images, of which one has
the first strokes. Printed are the mean IoU over labelled pixels, and the labels that suggested
strokes need for the IoU of random ones, as a share of the labels of these, both from rising fits of
the mean curves.

Instances: a classifier learns from 20 stroked pixels per class, of the image itself or of 5 others
(then adapting to each image), of any kind or of the same: stained or not. Its masks are divided by
`segmentation.instances`. F1 counts instances of which the intersection over union with a connected
region of the true mask is above 0.5. The reference is Otsu's threshold and a watershed by distance,
as in the example of scikit-image, of the side of the threshold that has fewer pixels.

Settings of `suggest` and `instances` were chosen on the development half, which has other images.
"""

import argparse
import sys
from pathlib import Path

import umbed_keras as uk
from umbed_keras.segmentation import PixelClassifier

# isort: split
import numpy as np
from pixel_classes import LEAST, classes_of, face_classes, load_some, mean_iou, strokes
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import label as connected
from skimage.segmentation import watershed
from sklearn.isotonic import IsotonicRegression

LENGTH = 8
# Draws of strokes; faces, one by one; and projects of nuclei, of so many images.
DRAWS, FACES, PROJECTS, NUCLEI = 3, 12, 3, 6
TRAINED = 5
# Faces and nuclei of the sorted archives.
HALVES = {
    "development": (slice(-25, None), slice(40, None)),
    "test": (slice(-50, -25), slice(40)),
}
# Difference between channels from which on an image is stained.
COLOURFUL = 0.05
# Instances of fewer pixels are dust, for both methods.
LEAST_SIZE = 20
# Options of the peaks of distance that mark nuclei: as in scikit-image's example, and the best of
# several distances.
OTSU = {
    "Otsu, connected": {},
    "Otsu, watershed as in the example": {"footprint": np.ones((3, 3))},
    "Otsu, watershed, peaks 10 pixels apart": {"min_distance": 10},
}


def stroke(label, start, random):
    """The pixels of a straight stroke from a pixel on, within its class; the best of four."""
    best = np.zeros((0, 2), int)
    for angle in random.uniform(0, 2 * np.pi, 4):
        steps = np.outer(np.arange(LENGTH), [np.sin(angle), np.cos(angle)])
        pixels = np.round(start + steps).astype(int)
        inside = ((pixels >= 0) & (pixels < label.shape)).all(axis=1)
        rows, cols = np.clip(pixels, 0, np.array(label.shape) - 1).T
        inside &= label[rows, cols] == label[tuple(start)]
        length = len(inside) if inside.all() else int(inside.argmin())
        if length > len(best):
            best = pixels[:length]
    return best


def first_strokes(label, random):
    """One stroke of each large class; classes begin at 1, as 0 means unlabelled."""
    drawn = np.zeros(label.shape, int)
    for value, pixels in classes_of(label):
        if len(pixels) >= LEAST * label.size:
            rows, cols = stroke(label, pixels[random.integers(len(pixels))], random).T
            drawn[rows, cols] = value + 1
    return drawn


def curve(classifier, images, labels, rounds, draw, suggested):
    """The mean IoU and the number of labelled pixels, `(2, rounds + 1)`."""
    random = np.random.default_rng(draw)
    drawn = [np.zeros(label.shape, int) for label in labels]
    begun = draw % len(images)
    drawn[begun] = first_strokes(labels[begun], random)
    result = []
    for _ in range(rounds + 1):
        classifier.fit(images, drawn)
        scores = [
            mean_iou(predicted - 1, label, own > 0)
            for predicted, label, own in zip(classifier.predict(images), labels, drawn, strict=True)
        ]
        result.append((np.mean(scores), sum(np.count_nonzero(own) for own in drawn)))
        if suggested:
            best = classifier.suggest(images, count=1)[0]
            index, start = best.image, np.array([best.row, best.col])
        else:
            index = random.integers(len(images))
            start = random.integers(labels[index].shape)
        rows, cols = stroke(labels[index], start, random).T
        drawn[index][rows, cols] = labels[index][tuple(start)] + 1
    return np.transpose(result)


def savings(name, classifier, sets, rounds):
    """Prints the curves of random and of suggested strokes."""
    curves = {
        suggested: np.mean(
            [
                curve(classifier, *one, rounds, draw, suggested)
                for one in sets
                for draw in range(DRAWS)
            ],
            axis=0,
        )
        for suggested in (False, True)
    }
    shown = np.linspace(0, rounds, 6).astype(int)
    print(f"\n{name} | {' | '.join(f'{step} strokes more' for step in shown)}")
    for suggested, (scores, counts) in curves.items():
        cells = [f"{scores[step]:.3f} ({counts[step]:.0f} labels)" for step in shown]
        print("suggested" if suggested else "random", "|", " | ".join(cells))
    # Rising fits of the curves, so that no single lucky stroke counts.
    rising = {}
    for suggested, (scores, counts) in curves.items():
        rising[suggested] = IsotonicRegression().fit(counts, scores).predict(counts), counts
    (random, counts), (best, needed) = rising[False], rising[True]
    for step in shown[1:]:
        first = counts[np.argmax(random >= random[step])]
        share = np.interp(random[step], best, needed, right=np.nan) / first
        print(f"labels for the IoU of {step} random strokes, {random[step]:.3f}: {share:.2f}")
    sys.stdout.flush()


def f1(found, true):
    """The F1 score of instances whose intersection over union is above 0.5."""
    counts = np.zeros((true.max() + 1, found.max() + 1))
    np.add.at(counts, (true.ravel(), found.ravel()), 1)
    union = counts.sum(axis=1)[1:, None] + counts.sum(axis=0)[None, 1:] - counts[1:, 1:]
    hits = np.count_nonzero(counts[1:, 1:] / union > 0.5)
    total = true.max() + found.max()
    return 2 * hits / total if total else 1.0


def otsu(image, **peaks_options):
    """Instances by Otsu's threshold: connected regions, or a watershed where options are given."""
    grey = image.mean(axis=-1)
    mask = grey > threshold_otsu(grey)
    mask = ~mask if mask.mean() > 0.5 else mask
    pieces = connected(mask)
    if peaks_options:
        distance = ndimage.distance_transform_edt(mask)
        peaks = peak_local_max(distance, labels=pieces, **peaks_options)
        markers = np.zeros(mask.shape, int)
        markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        pieces = watershed(-distance, markers, mask=mask)
    large = np.bincount(pieces.ravel()) >= LEAST_SIZE
    large[0] = False
    return np.unique(np.where(large[pieces], pieces, 0), return_inverse=True)[1].reshape(mask.shape)


def drawn_strokes(label, random):
    """20 stroked pixels of each large class; classes begin at 1, as 0 means unlabelled."""
    drawn = np.zeros(label.shape, int)
    rows, cols = strokes(label, random).T
    drawn[rows, cols] = label[rows, cols] + 1
    return drawn


def instances(classifier, images, labels):
    """Prints the F1 of instances in images with strokes, and in images without."""
    stained = np.array([np.ptp(image, axis=-1).max() > COLOURFUL for image in images])
    scores = {}
    for draw in range(DRAWS):
        random = np.random.default_rng(draw)
        drawn = [drawn_strokes(label, random) for label in labels]
        order = random.permutation(len(images))
        kinds = [order[stained[order]], order[~stained[order]]]
        # Images that learn together, those that are segmented by them, and whether to adapt.
        tasks = {
            "with strokes of their own": [([index], [index], False) for index in order],
            "with strokes of five others": [(order[:TRAINED], order[TRAINED:], True)],
            "with strokes of five others of their kind": [
                (kind[:TRAINED], kind[TRAINED:], True) for kind in kinds
            ],
        }
        for name, parts in tasks.items():
            for learned, rest, adapt in parts:
                classifier.fit([images[i] for i in learned], [drawn[i] for i in learned])
                for index in rest:
                    image, true = images[index], connected(labels[index] == 1)
                    mask = classifier.predict(image, adapt=adapt) == 2
                    row = [f1(otsu(image, **options), true) for options in OTSU.values()]
                    for split in (False, True):
                        row.append(f1(uk.segmentation.instances(mask, LEAST_SIZE, split), true))
                    scores.setdefault(name, []).append(row)
    for name, rows in scores.items():
        print(f"\nF1 of instances of nuclei in images {name}")
        for method, score in zip([*OTSU, "connected", "split"], np.mean(rows, 0), strict=True):
            print(f"{method}: {score:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the archives")
    parser.add_argument("--only", choices=("instances", "strokes"), help="measure one alone")
    parser.add_argument("--rounds", type=int, default=15, help="strokes after the first")
    parser.add_argument("--half", choices=HALVES, default="test", help="of the images")
    args = parser.parse_args()
    classifier = PixelClassifier()
    faces, nuclei = HALVES[args.half]
    images, labels = load_some(args.data / "nuclei_256.tar", lambda names: names[nuclei])
    if args.only != "strokes":
        instances(classifier, images, labels)
    if args.only == "instances":
        return
    projects = []
    for first in range(PROJECTS):
        chosen = np.linspace(first, len(images) - PROJECTS + first, NUCLEI).astype(int)
        projects.append(([images[index] for index in chosen], [labels[i] for i in chosen]))
    savings("nuclei", classifier, projects, args.rounds)
    path = args.data / "celebamask_hq_512.tar"
    images, labels = load_some(path, lambda names: names[faces], face_classes, size=256)
    chosen = np.linspace(0, len(images) - 1, FACES).astype(int)
    alone = [([images[index]], [labels[index]]) for index in chosen]
    savings("faces", classifier, alone, args.rounds)


if __name__ == "__main__":
    main()
