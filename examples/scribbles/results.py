"""The results of images in an output folder, and which of them are up to date."""

import json

import numpy as np
import PIL.Image
from scribbles.colours import overlay
from scribbles.files import picture

from umbed_keras.files import written_whole
from umbed_keras.images.labels import write_labels
from umbed_keras.images.writers.write_numbers import write_numbers

KINDS = ("labels", "probability", "overlay")
SUFFIXES = (".png", ".tif")


class Done:
    """The images of an output folder that have results, and what these were made of.

    It is kept in `done.json`: whoever interrupts the work finds no results of another classifier
    or of another content of an image among those that count.

    Args:
        folder: `pathlib.Path` of the output folder.
    """

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "done.json"
        self._origins = json.loads(self.path.read_text()) if self.path.exists() else {}

    def has(self, name, origin):
        """Returns whether an image has results of this origin, a list of texts."""
        written = all(
            any(result_path(self.folder, name, kind, suffix).exists() for suffix in SUFFIXES)
            for kind in KINDS
        )
        return written and self._origins.get(name) == origin

    def forget(self, name):
        """Forgets the results of an image before others take their place."""
        if self._origins.pop(name, None) is not None:
            self._write()

    def add(self, name, origin):
        """Notes that all results of an image are written."""
        self._origins[name] = origin
        self._write()

    def _write(self):
        with written_whole(self.path) as part:
            part.write_text(json.dumps(self._origins))


def result_path(folder, name, kind, suffix=".png"):
    """Returns the path of a result of an image, of one of `KINDS`."""
    return folder / f"{name}.{kind}{suffix}"


def write_results(classifier, image, folder, name, adapt=False):
    """Writes labels, probabilities and an overlay of an image.

    Args:
        classifier: `PixelClassifier`, fitted.
        image: `umbed_keras.Image`.
        folder: `pathlib.Path` of the output folder.
        name: text, the path of the image below its folder, without its suffix.
        adapt: bool; True learns from the image as well.
    """
    probabilities = classifier.predict_proba(image, adapt=adapt)
    known = ~np.isnan(probabilities[..., 0])
    probabilities = np.nan_to_num(probabilities)
    labels = np.where(known, classifier.classes_[probabilities.argmax(axis=-1)], 0)
    largest = np.rint(255 * probabilities.max(axis=-1)).astype("uint8")
    shown = _middle_overlay(classifier, image, labels)
    paths = {kind: result_path(folder, name, kind) for kind in KINDS}
    paths["labels"].parent.mkdir(parents=True, exist_ok=True)
    with written_whole(paths["overlay"]) as part:
        PIL.Image.fromarray(shown).save(part, "png")
    written = {
        "probability": write_numbers(paths["probability"], largest, image),
        "labels": write_labels(paths["labels"], labels, image),
    }
    for kind, path in written.items():
        for suffix in SUFFIXES:
            if suffix != path.suffix:  # of an earlier classifier
                result_path(folder, name, kind, suffix).unlink(missing_ok=True)


def _middle_overlay(classifier, image, labels):
    """The overlay of the middle plane of a stack, or of the only plane."""
    plane = tuple(size // 2 for size in image.plane_shape)
    position = dict(zip(image.plane_axes, plane, strict=True))
    letters = image.axes.replace("c", "")
    middle = labels[tuple(position.get(axis, slice(None)) for axis in letters)]
    middle = middle if letters.index("y") < letters.index("x") else middle.T
    return overlay(picture(classifier, image, plane), middle)
