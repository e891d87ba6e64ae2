"""Which scaling serves pixel classification best: percentiles of an image or of a collection.

    python examples/benchmarks/scaling.py ../shared/data

Nuclei (Data Science Bowl 2018) and membranes (ISBI 2012) become what cameras write: 16 bits in
which only part of the range is used, with exposures of half, once and twice the light, 12 bits
cut to whole numbers, and inverted. Images that `pixel_classes.py` measures are left out. A row is
a scaling; the columns are the mean IoU in-image (20 stroked pixels a class) and across images
(200 pixels a class of 4 images), mean over two draws and its standard error over images.
"""

import argparse
import warnings
from pathlib import Path

# isort: split
import numpy as np
from pixel_classes import load_some, strokes
from scipy.stats import sem

from umbed_keras.images.scaling import Scaling
from umbed_keras.segmentation import PixelClassifier

DRAWS = 2
PERCENTILES = ((0.0, 100.0), (0.1, 99.9), (1.0, 99.8), (2.0, 98.0))


def load(path, count):
    """The first grey images of an archive, floats in 0..1, and their masks with classes from 1."""
    images, masks = load_some(path, lambda names: names[:count])
    grey = [image.mean(axis=-1) if image.ndim == 3 else image for image in images]
    return grey, [mask + 1 for mask in masks]


def exposures(images, random):
    """Images as cameras write them: part of 16 bits, exposures that differ, some inverted."""
    shots = []
    for number, image in enumerate(images):
        light = (0.5, 1.0, 2.0)[number % 3]
        counts = 120 + 900 * light * image
        counts = random.normal(counts, 0.3 * np.sqrt(counts))
        shots.append(np.clip(np.rint(counts), 0, 4095).astype("uint16"))
    return shots


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=10, help="images of each kind")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    kinds = {
        "nuclei": load(args.data / "nuclei_256.tar", args.count),
        "membranes": load(args.data / "membranes_256.tar", min(args.count, 6)),
    }
    scalings = {"the type's range": (lambda shots: [Scaling("dtype").fit(s)(s) for s in shots])}
    for pair in PERCENTILES:
        scalings[f"image, {pair}"] = lambda shots, pair=pair: [
            Scaling(percentiles=pair).fit(shot)(shot) for shot in shots
        ]
        scalings[f"collection, {pair}"] = lambda shots, pair=pair: list(
            map(Scaling(percentiles=pair).fit(shots), shots)
        )
    print(f"{'scaling':28s}" + "".join(f"{kind + ' in / across':>34s}" for kind in kinds))
    classifier = PixelClassifier()
    for name, scale in scalings.items():
        row = f"{name:28s}"
        for images, masks in kinds.values():
            inside, between = [], []
            for draw in range(DRAWS):
                random = np.random.default_rng(draw)
                scaled = scale(exposures(images, random))
                for image, mask in zip(scaled, masks, strict=True):
                    labels = draw_strokes(mask, random, 20)
                    answer = classifier.fit(image, labels).predict(image)
                    inside.append(iou(answer, mask))
                chosen = random.permutation(len(scaled))
                taught, asked = chosen[:4], chosen[4:]
                labels = [scatter(masks[place], random, 200) for place in taught]
                classifier.fit([scaled[place] for place in taught], labels)
                between += [iou(classifier.predict(scaled[p]), masks[p]) for p in asked]
            for scores in (inside, between):
                row += f"{np.mean(scores):10.3f} ({sem(scores):.3f})"
        print(row, flush=True)


def draw_strokes(mask, random, count):
    labels = np.zeros_like(mask)
    rows, cols = strokes(mask, random, count).T
    labels[rows, cols] = mask[rows, cols]
    return labels


def scatter(mask, random, count):
    labels = np.zeros_like(mask)
    for value in np.unique(mask):
        places = np.flatnonzero(mask == value)
        labels.flat[random.choice(places, min(count, len(places)), replace=False)] = value
    return labels


def iou(answer, mask):
    scores = []
    for value in np.unique(mask):
        both = np.sum((answer == value) & (mask == value))
        scores.append(both / max(1, np.sum((answer == value) | (mask == value))))
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
