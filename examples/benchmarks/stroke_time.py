"""How long the plugin of napari takes to answer one more stroke.

    python examples/benchmarks/stroke_time.py

An image of 512x512 pixels with strokes of three classes gets one more stroke, again and again.
Times are those from the stroke to the classes and uncertainties of all pixels, as `Session`
computes them for the plugin: of the first answer, which learns from strokes alone, and of the
refined one, which learns from unlabelled pixels, too. Drawing comes on top. Columns: median and
largest seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

# isort: split
import numpy as np

import umbed_keras as uk
from umbed_keras.apps.labelling.session import Session
from umbed_keras.segmentation import Project
from umbed_keras.segmentation.live_classifier import LiveClassifier
from umbed_keras.segmentation.probability_map import relative_entropy


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


def plugin(preset, image):
    """Answers each label image that it is sent as the plugin does, and yields the answer's name."""
    session, source = Session(Project(preset=preset)), uk.Image(image)
    labels = yield
    while True:
        yield
        session.fit([(source, labels)])
        for _ in session.results(source):
            pass
        yield "plugin"
        labels = yield


def page(preset, path):
    """As `plugin`, for the page, which answers twice."""
    project = Project({1: "a", 2: "b", 3: "c"}, preset)
    key = project.add_image(path)
    live, plane = LiveClassifier(project), (key, ())
    [tile] = live.tiles(plane)

    def look(half):
        probabilities = live.probabilities(plane, tile, half)
        return live.classifier.most_likely(probabilities), relative_entropy(probabilities)

    labels = yield
    while True:
        yield
        project.set_strokes(key, labels)
        live.fit()
        look(half=True)
        yield "page, quick answer"
        live.self_train()
        look(half=False)
        yield "page, full answer"
        labels = yield


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--strokes", type=int, default=7)
    parser.add_argument("--preset", default=Project().preset)
    args = parser.parse_args()
    image, labels, kind = scene(args.side)
    random, times = np.random.default_rng(1), {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.npy"
        np.save(path, image)
        programs = plugin(args.preset, image), page(args.preset, path)
        for program in programs:
            next(program)
        for turn in range(args.strokes + 1):
            row, col = random.integers(0, args.side - 40, 2)
            paint(labels, row, col, kind[row, col] + 1)
            for program in programs:
                program.send(labels.copy())
                wall, own, total = time.perf_counter(), time.process_time(), np.zeros(2)
                while (name := next(program)) is not None:
                    total += time.perf_counter() - wall, time.process_time() - own
                    if turn:  # the first one embeds the image
                        times.setdefault(name, []).append(total.copy())
                    wall, own = time.perf_counter(), time.process_time()
    print(f"{'':<22}{'wall clock':>18}{'processor':>18}")
    for name, parts in times.items():
        middle, largest = np.median(parts, axis=0), np.max(parts, axis=0)
        columns = (f"{one:>10.2f}{other:>8.2f}" for one, other in zip(middle, largest, strict=True))
        print(f"{name:<22}{''.join(columns)}")


if __name__ == "__main__":
    main()
