"""How long the plugin of napari takes to answer one more stroke.

    python examples/benchmarks/stroke_time.py

An image of 512x512 pixels with strokes of three classes gets one more stroke, again and again.
Times are those from the stroke to the classes and uncertainties of all pixels, as `Session`
computes them for the plugin: of the first answer, which learns from strokes alone, and of the
refined one, which learns from unlabelled pixels, too. Drawing comes on top. Columns: median and
largest seconds.
"""

import argparse
import statistics
import time

# isort: split
import numpy as np

import umbed_keras as uk
from umbed_keras.apps.session import Session
from umbed_keras.segmentation import Project


def scene(side):
    """A colour image of three textures, and strokes on them."""
    random = np.random.default_rng(0)
    rows, cols = np.mgrid[:side, :side] / side
    kind = (np.hypot(rows - 0.5, cols - 0.5) < 0.3).astype(int) + (rows + cols > 1.4)
    base = np.array([[60, 90, 70], [170, 120, 90], [100, 100, 160]])[kind]
    waves = 25 * np.sin(side * cols / (2 + 2 * kind))[..., None]
    image = np.clip(base + waves + random.normal(0, 12, (side, side, 3)), 0, 255).astype("uint8")
    labels = np.zeros((side, side), "uint16")
    for number in range(3):
        inside = np.argwhere(kind == number)
        for row, col in random.permutation(inside)[:3]:
            paint(labels, row, col, number + 1)
    return image, labels, kind


def paint(labels, row, col, number):
    """A stroke of 7x40 pixels."""
    labels[row : row + 7, col : col + 40] = number


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--strokes", type=int, default=7)
    parser.add_argument("--preset", default=Project().preset)
    args = parser.parse_args()
    image, labels, kind = scene(args.side)
    session, source = Session(Project(preset=args.preset)), uk.Image(image)
    random, times = np.random.default_rng(1), []
    for _ in range(args.strokes + 1):
        row, col = random.integers(0, args.side - 40, 2)
        paint(labels, row, col, kind[row, col] + 1)
        wall, own = time.perf_counter(), time.process_time()
        session.fit([(source, labels.copy())], refine=False)
        list(session.results(source))
        soon = time.perf_counter() - wall
        session.refine()
        list(session.results(source))
        times.append((soon, time.perf_counter() - wall, time.process_time() - own))
    print(f"with an image that is new: {times[0][0]:.2f} s")
    print("                median  largest")
    names = ("first answer", "refined", "  processor")
    for name, column in zip(names, zip(*times[1:], strict=True), strict=True):
        print(f"{name:<14}{statistics.median(column):8.2f} {max(column):8.2f}")


if __name__ == "__main__":
    main()
