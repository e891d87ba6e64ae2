"""Masks and measurements of the images of a folder, file by file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from umbed_keras.apps.labelling.session import objects_of
from umbed_keras.images.labels import read_labels
from umbed_keras.segmentation import LabelClass, Measurements, PixelClassifier
from umbed_keras.segmentation.files.image_files import ImageFile, images_in, result_names
from umbed_keras.segmentation.files.results import SUFFIXES, result_path
from umbed_keras.segmentation.files.segment_files import segment_files
from umbed_keras.segmentation.files.strokes_beside import BROKEN

_TABLE = "objects.csv"
_CLASSIFIER = "classifier.npz"


@dataclass(frozen=True)
class Measuring:
    """What counts as an object.

    Attributes:
        background: class that is no object; 0 for none.
        min_size: objects of fewer pixels are left out.
        split: whether objects that touch are divided at their necks.

    Examples:
        >>> Measuring(background=1).min_size
        1
    """

    background: int = 0
    min_size: int = 1
    split: bool = False


@dataclass
class Applied:
    """How far the files are.

    Attributes:
        total: number of files.
        done: number of files that have results, or are broken.
        objects: number of objects that were measured.
        broken: path of each file that can't be used to the reason.
        output: path of the folder of results.

    Examples:
        >>> Applied(20, Path("out")).summary()
        '0 of 20 images are in out'
    """

    total: int
    output: Path
    done: int = 0
    objects: int | None = None
    broken: dict[Path, Exception] = field(default_factory=dict)

    def summary(self) -> str:
        """Says what was made where, and which files were left out."""
        text = f"{self.done - len(self.broken)} of {self.total} images are in {self.output}"
        if self.objects is not None:
            text += f", and {self.objects} objects in {_TABLE}"
        if self.broken:
            reasons = (f"{path.name}: {error}" for path, error in self.broken.items())
            text += f". Left out: {'; '.join(reasons)}"
        return text


def apply_to_files(
    classifier: PixelClassifier,
    paths: Sequence[Path],
    output: Path,
    axes: str | None = None,
    classes: Mapping[int, LabelClass] | None = None,
    measuring: Measuring | None = None,
) -> Iterator[Applied]:
    """Segments files and the images of folders, and measures the objects of all masks.

    Images that have results of the same classifier are not segmented again. Files that can't be
    used are left out.

    Args:
        classifier: fitted `PixelClassifier`, which is saved beside the results.
        paths: files and folders.
        output: path of the folder of results, which is made if it is not there.
        axes: axes of files that do not name theirs.
        classes: number to `LabelClass`, for the colours of results and names in the table.
        measuring: what counts as an object; None measures nothing.

    Yields:
        `Applied`, the same one, before the first file and after each.

    Raises:
        ValueError: if there are no images, or two of them have one name.
        OSError: if results can't be written.

    Examples:
        >>> image = np.zeros((8, 8, 3), "uint8")
        >>> image[:, 4:] = 200
        >>> labels = np.zeros((8, 8), int)
        >>> labels[:, 0], labels[:, 7] = 1, 2
        >>> classifier = uk.segmentation.PixelClassifier("celeba_vq_k16").fit(image, labels)
        >>> np.save("square.npy", image)
        >>> options = {"measuring": Measuring()}
        >>> steps = apply_to_files(classifier, [Path("square.npy")], Path("o"), **options)
        >>> list(steps)[-1].summary()
        '1 of 1 images are in o, and 2 objects in objects.csv'
    """
    groups = [
        (path, images_in(path, output).images)
        if path.is_dir() and path.suffix.lower() != ".zarr"  # an image
        else (path.parent, [path])
        for path in paths
    ]
    names = result_names(groups)
    output.mkdir(parents=True, exist_ok=True)
    classifier.save(output / _CLASSIFIER)
    applied, tables = Applied(len(names), output), {}
    colors = {number: given.color for number, given in (classes or {}).items()}
    yield applied
    for path, name in names.items():
        file = ImageFile(path, axes)
        saved = output / _CLASSIFIER
        broken = segment_files(classifier, saved, {name: file}, output, colors=colors)
        if measuring is not None and not broken:
            try:
                tables[name] = _measured(file, output, name, classes or {}, measuring)
                applied.objects = (applied.objects or 0) + tables[name].num_rows
            except BROKEN as error:
                broken[path] = error
        applied.broken |= broken
        applied.done += 1
        yield applied
    if tables:
        Measurements.joined(tables).to_csv(output / _TABLE)


def _measured(
    file: ImageFile,
    output: Path,
    name: str,
    classes: Mapping[int, LabelClass],
    measuring: Measuring,
) -> Measurements:
    """The objects of the mask of an image."""
    candidates = (result_path(output, name, "labels", suffix) for suffix in SUFFIXES)
    path, image = next(path for path in candidates if path.exists()), file.open()
    letters = image.axes.replace("c", "")
    mask = read_labels(path, letters if len(letters) > 2 else None)
    options = measuring.background, measuring.min_size, measuring.split
    return objects_of(mask, image, *options, classes=classes)[1]
