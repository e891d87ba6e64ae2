"""Makes the picture of the plugin of napari that the documentation shows.

    python examples/tools/napari_picture.py ../shared/data/nuclei_256.tar

Needs the extra `napari` and a screen, as by `xvfb-run -s "-screen 0 1500x1100x24"`. It opens an
image of nuclei (Data Science Bowl 2018, BBBC038, in the public domain by CC0), draws strokes as a
hand would, and takes what the plugin makes of them: the segmentation and where to label next, the
uncertainty below, and the table of objects.
"""

import argparse
import io
import itertools
import tarfile
import time
from pathlib import Path

import napari
import numpy as np
import PIL.Image
from qtpy.QtWidgets import QApplication

from umbed_keras.apps.napari import open_window
from umbed_keras.segmentation import LabelClass

NAME = "nuclei_256/images/3bfa8b3b01fd.png"
TISSUE, NUCLEUS = 1, 2
CLASSES = {
    TISSUE: LabelClass("tissue", (0, 114, 178)),
    NUCLEUS: LabelClass("nucleus", (255, 210, 0)),
}
# Rows and columns that the brush passes.
STROKES = {
    NUCLEUS: [
        [(146, 82), (152, 98)],
        [(183, 150), (192, 162)],
        [(78, 60), (86, 72)],
        [(10, 182), (20, 194)],
        [(222, 76), (229, 88)],
        [(238, 236), (241, 243)],
        [(206, 106), (210, 112)],
        [(14, 18), (16, 22)],
    ],
    TISSUE: [
        [(60, 135), (90, 180), (70, 230)],
        [(118, 75), (136, 150)],
        [(206, 130), (216, 182)],
        [(136, 40), (128, 58)],
        [(240, 22), (246, 34)],
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
    layer.selected_label = NUCLEUS
    layer.refresh()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--output", type=Path, default=Path(".github/images/napari.png"))
    args = parser.parse_args()
    with tarfile.open(args.archive) as files:
        content = files.extractfile(NAME).read()
    image = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))
    viewer = napari.Viewer(title="napari")
    viewer.window._qt_window.resize(1200, 1000)
    widget = open_window(viewer, [])
    viewer.add_image(image, name="nuclei")
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
    widget._parts.measure.choose_background(TISSUE)
    widget._parts.measure._split.setChecked(True)
    widget.add_objects()
    viewer.layers["objects of nuclei"].visible = False
    segmentation = viewer.layers["segmentation of nuclei"]
    segmentation.contour, segmentation.opacity = 1, 1
    uncertainty = viewer.layers["uncertainty of nuclei"]
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
