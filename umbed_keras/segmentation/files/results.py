"""The results of an image in an output folder: labels, probability and overlay."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from umbed_keras.files import written_whole
from umbed_keras.images.image import Image
from umbed_keras.images.labels import write_labels
from umbed_keras.images.writers.write_numbers import write_numbers
from umbed_keras.segmentation.files.overlay import overlay
from umbed_keras.segmentation.files.picture import picture
from umbed_keras.segmentation.pixel_classifier import PixelClassifier

KINDS = ("labels", "probability", "overlay")
SUFFIXES = (".png", ".tif")


def result_path(folder: Path, name: str, kind: str, suffix: str = ".png") -> Path:
    """Returns the path of a result of an image.

    Args:
        folder: path of the output folder.
        name: path of the image below its folder, without its suffix.
        kind: one of `KINDS`.
        suffix: one of `SUFFIXES`.

    Examples:
        >>> result_path(Path("out"), "a/cells", "labels").as_posix()
        'out/a/cells.labels.png'
    """
    return folder / f"{name}.{kind}{suffix}"


def write_results(
    classifier: PixelClassifier,
    image: Image,
    folder: Path,
    name: str,
    adapt: bool = False,
    colors: Mapping[int, Sequence[int]] | None = None,
) -> None:
    """Writes the labels, the probabilities and an overlay of an image.

    Args:
        classifier: fitted `PixelClassifier`.
        image: `umbed_keras.Image`.
        folder: path of the output folder.
        name: path of the image below its folder, without its suffix.
        adapt: True learns from the image as well.
        colors: as in `umbed_keras.images.labels.class_colors`.

    Examples:
        >>> image = np.zeros((8, 8, 3), "uint8")
        >>> image[:, 4:] = 200
        >>> labels = np.zeros((8, 8), int)
        >>> labels[:, 0], labels[:, 7] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> write_results(classifier, uk.Image(image, "yxc"), Path("out"), "square")
        >>> sorted(path.name for path in Path("out").iterdir())
        ['square.labels.png', 'square.overlay.png', 'square.probability.png']
    """
    probabilities = classifier.predict_proba(image, adapt=adapt)
    known = ~np.isnan(probabilities[..., 0])
    probabilities = np.nan_to_num(probabilities)
    labels = np.where(known, classifier.classes_[probabilities.argmax(axis=-1)], 0)
    largest = np.rint(255 * probabilities.max(axis=-1)).astype("uint8")
    drawn = _middle_overlay(classifier, image, labels, colors)
    paths = {kind: result_path(folder, name, kind) for kind in KINDS}
    paths["labels"].parent.mkdir(parents=True, exist_ok=True)
    with written_whole(paths["overlay"]) as part:
        PIL.Image.fromarray(drawn).save(part, "png")
    written = {
        "probability": write_numbers(paths["probability"], largest, image),
        "labels": write_labels(paths["labels"], labels, image, colors),
    }
    for kind, path in written.items():
        for suffix in SUFFIXES:
            if suffix != path.suffix:  # of an earlier classifier
                result_path(folder, name, kind, suffix).unlink(missing_ok=True)


def _middle_overlay(
    classifier: PixelClassifier,
    image: Image,
    labels: np.ndarray,
    colors: Mapping[int, Sequence[int]] | None,
) -> np.ndarray:
    """The overlay of the middle plane of a stack, or of the only plane."""
    plane = tuple(size // 2 for size in image.plane_shape)
    position = dict(zip(image.plane_axes, plane, strict=True))
    letters = image.axes.replace("c", "")
    middle = labels[tuple(position.get(axis, slice(None)) for axis in letters)]
    middle = middle if letters.index("y") < letters.index("x") else middle.T
    return overlay(picture(classifier, image, plane), middle, colors)
