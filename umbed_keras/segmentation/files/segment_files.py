"""Segmentation of image files into files of results."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from umbed_keras.images.content import content_digest
from umbed_keras.segmentation.files.done_images import DoneImages
from umbed_keras.segmentation.files.image_files import ImageFile
from umbed_keras.segmentation.files.results import write_results
from umbed_keras.segmentation.files.strokes_beside import BROKEN
from umbed_keras.segmentation.pixel_classifier import PixelClassifier


def segment_files(
    classifier: PixelClassifier,
    saved: Path,
    images: Mapping[str, ImageFile],
    output: Path,
    adapt: bool = False,
    advance: Callable[[], None] = lambda: None,
    colors: Mapping[int, Sequence[int]] | None = None,
) -> dict[Path, Exception]:
    """Writes the labels, the probabilities and an overlay of image files.

    An image is skipped if its results are there, made by the same classifier from the same content,
    so that interrupted work can be resumed.

    Args:
        classifier: fitted `PixelClassifier`.
        saved: path of the file that the classifier was saved to or loaded from.
        images: name of the results to the file of each image.
        output: path of the folder of results, which exists.
        adapt: True learns from every image as well.
        advance: function that is called after each image, for a progress bar.
        colors: as in `umbed_keras.images.labels.class_colors`.

    Returns:
        Dictionary from the path of each image that can't be used to the reason.

    Raises:
        OSError: if `saved` can't be read or `output` can't be written to.

    Examples:
        >>> image = np.zeros((8, 8, 3), "uint8")
        >>> image[:, 4:] = 200
        >>> labels = np.zeros((8, 8), int)
        >>> labels[:, 0], labels[:, 7] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> classifier.save("classifier.npz")
        >>> np.save("square.npy", image)
        >>> images = {"square": ImageFile(Path("square.npy"))}
        >>> segment_files(classifier, Path("classifier.npz"), images, Path("."))
        {}
        >>> Path("square.labels.png").exists()
        True
    """
    made = content_digest(saved) + " adapt" * adapt
    tints = {number: list(color) for number, color in (colors or {}).items()}
    done, broken = DoneImages(output), {}
    for name, file in images.items():
        try:
            origin = [made, content_digest(file.path), file.axes or ""]
            origin += [] if file.series is None else [str(file.series)]
            origin += [f"colors {tints}"] if tints else []
            if not done.has(name, origin):
                done.forget(name)
                write_results(classifier, file.open(), output, name, adapt, colors)
                done.add(name, origin)
        except BROKEN as error:
            broken[file.path] = error
        advance()
    return broken
