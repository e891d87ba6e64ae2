"""Projects: images, strokes, classes and settings, kept in one file."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.images.scaling import Scaling
from umbed_keras.ops.checks import check_integers
from umbed_keras.segmentation.pixel_classifier import PixelClassifier
from umbed_keras.segmentation.pixel_features import DEFAULT_PRESET
from umbed_keras.segmentation.pixel_prediction import ImageLike
from umbed_keras.segmentation.project.label_class import LabelClass, as_classes, with_numbers
from umbed_keras.segmentation.project.labelled_images import LabelledImages
from umbed_keras.segmentation.project.merging import class_numbers, merged_runs
from umbed_keras.segmentation.project.project_diff import ProjectDiff, differing_strokes
from umbed_keras.segmentation.project.project_file import file_digest, read_project, write_project
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import NO_RUNS
from umbed_keras.segmentation.smoothing import (
    Smoothing,
    as_smoothing,
    smoothing_config,
    smoothing_from_config,
)
from umbed_keras.typing import PathLike
from umbed_keras.zoo.locations import lasting_handle


class Project(LabelledImages):
    """Images with strokes, the names and colours of classes, and the settings of a classifier.

    A project is what people work on for days: `save` writes it to one file, whole or not at all,
    and `load` opens it again, here or elsewhere. The file holds strokes, settings, and paths and
    digests of the images, not the images themselves. It holds nothing that is executed.

    An image is known by its content. One that was moved keeps its strokes: `missing` lists it, and
    `relocate` finds it again.

    Args:
        classes: number of a class in label images to its `LabelClass`, or to its name. Numbers that
            strokes bring along are added.
        preset: preset of the embedder, as `umbed_keras.PixelEmbedder.from_preset` takes it.
        scaling, channels, smoothing, seed: as in `PixelClassifier`.

    Attributes:
        classes: dictionary from the number of each class to its `LabelClass`.
        images: dictionary from the key of each image to its `ProjectImage`.
        path: `pathlib.Path` of the file that was loaded or saved last, or None.
        saved_digest: SHA-256 of that file as it was then, or None.

    Raises:
        TypeError: if `preset` is neither a name nor a path.
        ValueError: if a class is 0 or has no name, two classes have one name, `smoothing` is
            negative, or `seed` is no integer of at least 0.

    Examples:
        >>> picture = np.zeros((16, 16, 3), "uint8")
        >>> picture[:, 8:] = 200
        >>> np.save("picture.npy", picture)
        >>> project = uk.segmentation.Project({1: "dark", 2: "bright"}, "celeba_vq_k16")
        >>> key = project.add_image("picture.npy")
        >>> labels = np.zeros((16, 16), int)
        >>> labels[2:14, 2], labels[2:14, 13] = 1, 2
        >>> project.set_strokes(key, labels)
        >>> project.save("project.umbed")
        >>> project = uk.segmentation.Project.load("project.umbed")  # the next day
        >>> project.classes[2].name, project.predict(key)[8, [0, 15]].tolist()
        ('bright', [1, 2])
    """

    def __init__(
        self,
        classes: Mapping[int, LabelClass | str] | None = None,
        preset: PathLike = DEFAULT_PRESET,
        scaling: Scaling | None = None,
        channels: Sequence[int | str] | None = None,
        smoothing: float | str | Smoothing = "guided",
        seed: int = 0,
    ) -> None:
        super().__init__(as_classes(classes or {}))
        as_smoothing(smoothing)
        check_integers(seed=(0, seed))
        if not isinstance(preset, str | os.PathLike):
            raise TypeError(f"`preset` must be a name or a path. Received: {type(preset).__name__}")
        self.preset = os.fspath(preset)
        self.scaling = scaling
        self.channels = channels
        self.smoothing = smoothing
        self.seed = seed
        self.path: Path | None = None
        self.saved_digest: str | None = None
        self._model: PixelClassifier | None = None
        self._classifier: PixelClassifier | None = None
        self._fitted_to: Any = None

    def __repr__(self) -> str:
        labelled = sum(image.num_labelled for image in self.images.values())
        names = ", ".join(given.name for given in self.classes.values())
        return f"Project({len(self.images)} images, {labelled} labelled pixels, classes: {names})"

    def save(self, path: PathLike | None = None) -> None:
        """Writes the project to a file, whole or not at all: the old file stays until then.

        What another program has saved to the same file since is not overwritten.

        Args:
            path: path of the file, by convention with the suffix .umbed; None takes that of the
                file that was loaded or saved last.

        Raises:
            OSError: if the file can't be written.
            FileExistsError: if another program wrote the file since this project was loaded or
                saved last.
            ValueError: if `path` is None and there is no such file.
        """
        path = self.path if path is None else Path(os.path.abspath(path))
        if path is None:
            raise ValueError("`path` must name a file: the project was not saved before.")
        if path == self.path and file_digest(path) not in (None, self.saved_digest):
            raise FileExistsError(
                f"{path} was changed elsewhere since it was opened or saved here. Save this "
                "project to another file, or open that one; `Project.merge` joins two."
            )
        write_project(path, self._header(), self.images)
        self.path, self.saved_digest = path, file_digest(path)

    @classmethod
    def load(cls, path: PathLike) -> "Project":
        """Reads a file that `save` wrote.

        Args:
            path: path of the file. Images are looked for where they lay from its folder.

        Returns:
            `Project`. A warning names images that are missing.

        Raises:
            OSError: if the file can't be read.
            ValueError: if it is no project, was written by a newer version, or is truncated or
                altered.
        """
        digest = file_digest(path)
        header, images = read_project(path)
        try:
            classes = {
                int(number): LabelClass(given["name"], tuple(given["color"]))
                for number, given in header["classes"].items()
            }
            settings = dict(header["settings"])
            scaling, smoothing = settings.pop("scaling"), settings.pop("smoothing")
            settings["scaling"] = None if scaling is None else Scaling.from_config(scaling)
            settings["smoothing"] = smoothing_from_config(smoothing)
            self = cls(classes, **settings)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no project, or is broken: {error}") from error
        self.images, self.path, self.saved_digest = images, Path(os.path.abspath(path)), digest
        for image in images.values():
            self.classes = with_numbers(self.classes, image.classes)
        if missing := self.missing:
            names = [self.images[key].name for key in missing]
            warnings.warn(
                f"{len(names)} images are missing, and their strokes are kept: {names}. Call "
                "`relocate` with the folder where they lie now.",
                stacklevel=2,
            )
        return self

    def merge(self, other: "Project") -> int:
        """Adds the images, strokes and classes of another project.

        Classes are one if they have one name; a further class whose number is taken gets a new one.
        Where both projects label a pixel, this one's label stays. Settings stay.

        Args:
            other: `Project`, which is not changed.

        Returns:
            The number of pixels that the other project labels otherwise.
        """
        numbers = class_numbers(self.classes, other.classes)
        for number, new in numbers.items():
            self.classes.setdefault(new, other.classes[number])
        self.classes, conflicts = as_classes(self.classes), 0
        for key, theirs in other.images.items():
            ours = self.images.get(key)
            if ours is None:
                ours = ProjectImage(**{**vars(theirs), "runs": {}})
                self.images[key] = ours
            for plane, runs in theirs.runs.items():
                own = ours.runs.get(plane, NO_RUNS)
                ours.runs[plane], differing = merged_runs(own, runs, numbers, ours.shape)
                conflicts += differing
        return conflicts

    def diff(self, other: "Project") -> ProjectDiff:
        """Returns what differs between this project and another one.

        Args:
            other: `Project`.
        """
        here, there = self.images, other.images
        strokes = {
            (key, plane): count
            for key in here.keys() & there.keys()
            for plane, count in differing_strokes(here[key], there[key]).items()
        }
        classes = {
            number: (self.classes.get(number), other.classes.get(number))
            for number in sorted(self.classes.keys() | other.classes.keys())
        }
        settings = [part._header()["settings"] for part in (self, other)]
        return ProjectDiff(
            {key: image.name for key, image in here.items() if key not in there},
            {key: image.name for key, image in there.items() if key not in here},
            dict(sorted(strokes.items())),
            {number: pair for number, pair in classes.items() if pair[0] != pair[1]},
            {
                name: (value, settings[1][name])
                for name, value in settings[0].items()
                if value != settings[1][name]
            },
        )

    def new_classifier(self) -> PixelClassifier:
        """Returns a classifier of the project's settings, which is not fitted.

        Classifiers of one project share the embedder and the vectors of recent images. This one may
        be fitted to images that have no file.
        """
        options: dict[str, Any] = {"smoothing": self.smoothing, "seed": self.seed}
        options |= {"scaling": self.scaling, "channels": self.channels}
        if self._model is None or self._model.embedder != self.preset:
            self._model = PixelClassifier(self.preset)
        return self._model.__sklearn_clone__().set_params(**options)

    def fit(self) -> PixelClassifier:
        """Fits a classifier to the strokes of all images.

        Vectors of images are kept, so that further strokes take a second only. A classifier that
        was fitted to the same strokes and settings is returned as it is.

        Returns:
            A fitted `PixelClassifier`.

        Raises:
            FileNotFoundError: if an image with strokes is missing.
            ValueError: as `PixelClassifier.fit`.
        """
        labelled = {key: image for key, image in self.images.items() if image.runs}
        missing = [str(self.images[key].path) for key in self.missing if key in labelled]
        if missing:
            raise FileNotFoundError(
                f"Images with strokes are missing: {missing}. Call `relocate` with the folder "
                "where they lie now, or remove them."
            )
        settings = self._header()["settings"]
        state = (settings, {key: dict(image.runs) for key, image in labelled.items()})
        if self._classifier is None or not _equal(state, self._fitted_to):
            if not labelled:
                raise ValueError("The project has no strokes: label pixels of two classes first.")
            classifier = self.new_classifier()
            images = [image.open() for image in labelled.values()]
            classifier.fit(images, [self.strokes(key) for key in labelled])
            self._classifier, self._fitted_to = classifier, state
        return self._classifier

    def predict(self, images: str | ImageLike, **options: Any) -> np.ndarray | list[np.ndarray]:
        """Returns the class of every pixel, by a classifier of all strokes.

        Args:
            images: the key of an image of the project, or as in `PixelClassifier.predict`.
            **options: further arguments of `PixelClassifier.predict`.

        Returns:
            As `PixelClassifier.predict`.

        Raises:
            FileNotFoundError: as `fit`, or if the image is missing.
            TypeError: as `PixelClassifier.predict`.
            ValueError: as `PixelClassifier.fit` and `predict`.
        """
        if isinstance(images, str) and images in self.images:
            images = self.open_image(images)
        return self.fit().predict(images, **options)

    def _header(self) -> dict[str, Any]:
        """Classes and settings, as JSON knows them."""
        return {
            "classes": {
                str(number): {"name": given.name, "color": list(given.color)}
                for number, given in self.classes.items()
            },
            "settings": {
                "preset": lasting_handle(self.preset),
                "scaling": None if self.scaling is None else self.scaling.get_config(),
                "channels": None if self.channels is None else list(self.channels),
                "smoothing": smoothing_config(self.smoothing),
                "seed": int(self.seed),
            },
        }


def _equal(one: Any, other: Any) -> bool:
    """Whether two states of a project are equal."""
    if other is None or one[0] != other[0] or one[1].keys() != other[1].keys():
        return False
    for key, planes in one[1].items():
        if planes.keys() != other[1][key].keys():
            return False
        if not all(np.array_equal(runs, other[1][key][at]) for at, runs in planes.items()):
            return False
    return True
