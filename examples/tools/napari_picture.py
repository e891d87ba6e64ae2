"""Makes the picture of the plugin of napari that the documentation shows.

    python examples/tools/napari_picture.py

Needs the extra `napari` and a screen, as by `xvfb-run -s "-screen 0 1500x1100x24"`. It opens the
coins of scikit-image (Brooklyn Museum, no known copyright restrictions), draws strokes as a hand
would, and takes what the plugin makes of them: the segmentation and where to label next, the
uncertainty below, and the table of objects.
"""

import argparse
import itertools
import time
from pathlib import Path

import napari
import numpy as np
import PIL.Image
from qtpy.QtWidgets import QApplication
from skimage import data

from umbed_keras.apps.napari import open_window
from umbed_keras.segmentation import LabelClass

GROUND, COIN = 1, 2
CLASSES = {
    GROUND: LabelClass("ground", (0, 114, 178)),
    COIN: LabelClass("coin", (255, 210, 0)),
}
# Rows and columns that the brush passes.
STROKES = {
    COIN: [
        [(40, 322), (58, 346)],
        [(44, 206), (52, 224)],
        [(194, 84), (188, 112)],
        [(254, 32), (270, 58)],
        [(118, 258), (124, 284)],
        [(196, 200), (186, 214)],
    ],
    GROUND: [
        [(84, 30), (86, 180), (88, 290)],
        [(22, 10), (14, 120)],
        [(222, 190), (226, 330)],
        [(160, 20), (158, 110)],
        [(290, 200), (286, 216)],
    ],
}


def rest(widget, seconds=0.2):
    """Waits until the widget rests and the window is drawn."""
    end = time.monotonic() + seconds
    while widget._runner.is_busy or time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def draw(layer):
    """Draws the strokes."""
    for label, strokes in STROKES.items():
        for points in strokes:
            for start, stop in itertools.pairwise(np.array(points, float)):
                for part in np.linspace(0, 1, 30):
                    layer.paint(start + part * (stop - start), label, refresh=False)
    layer.selected_label = COIN
    layer.refresh()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(".github/images/napari.png"))
    args = parser.parse_args()
    image = data.coins()[:300]
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(1200, 1000)
    widget = open_window(viewer, [])
    viewer.add_image(image, name="coins")
    for number, given in CLASSES.items():
        widget.change_class(number, given)
    widget.add_strokes()
    strokes = widget._parts.strokes.layer
    strokes.brush_size = 3
    draw(strokes)
    widget.train()
    rest(widget)
    widget.suggest()
    rest(widget)
    widget._parts.measure.choose_background(GROUND)
    widget._parts.measure._split.setChecked(True)
    widget.add_objects()
    viewer.layers["objects of coins"].visible = False
    segmentation = viewer.layers["segmentation of coins"]
    segmentation.contour, segmentation.opacity = 1, 1
    uncertainty = viewer.layers["uncertainty of coins"]
    uncertainty.visible, uncertainty.translate = True, (len(image) + 6, 0)
    viewer.layers.selection = {strokes}
    viewer.fit_to_view(margin=0.01)
    rest(widget, 1)
    shot = PIL.Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
    shot = shot.quantize(256, PIL.Image.Quantize.MEDIANCUT, dither=PIL.Image.Dither.NONE)
    args.output.parent.mkdir(exist_ok=True)
    shot.save(args.output, optimize=True)
    print(f"{args.output}: {args.output.stat().st_size / 1e3:.0f} kB")
    viewer.close()


if __name__ == "__main__":
    main()
