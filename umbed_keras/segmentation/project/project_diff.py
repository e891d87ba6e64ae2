"""What differs between two projects."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from umbed_keras.segmentation.project.label_class import LabelClass
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import NO_RUNS, labels_of


@dataclass(frozen=True)
class ProjectDiff:
    """What differs between a project and another one. It is False if nothing does.

    Attributes:
        only_here: names of the images that the other project lacks, by their keys.
        only_there: names of the images that this project lacks.
        strokes: key of an image and index of a plane to how many pixels have different labels.
        classes: number to the `LabelClass` here and there, None where there is none, of the classes
            that differ.
        settings: name to the value here and there, of the settings that differ.

    Examples:
        >>> one, two = uk.segmentation.Project({1: "cell"}), uk.segmentation.Project({1: "sky"})
        >>> print(one.diff(two))
        class 1: cell here, sky there
        >>> bool(one.diff(one))
        False
    """

    only_here: dict[str, str]
    only_there: dict[str, str]
    strokes: dict[tuple[str, tuple[int, ...]], int]
    classes: dict[int, tuple[LabelClass | None, LabelClass | None]]
    settings: dict[str, tuple[Any, Any]]

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        lines = [f"image {key}, {name}: only here" for key, name in self.only_here.items()]
        lines += [f"image {key}, {name}: only there" for key, name in self.only_there.items()]
        for (key, plane), count in self.strokes.items():
            where = f", plane {plane}" if plane else ""
            lines.append(f"image {key}{where}: {count} pixels have other labels")
        for number, (here, there) in self.classes.items():
            names = [given.name if given else "none" for given in (here, there)]
            lines.append(f"class {number}: {names[0]} here, {names[1]} there")
        for name, (here, there) in self.settings.items():
            lines.append(f"{name}: {here} here, {there} there")
        return "\n".join(lines)


def differing_strokes(here: ProjectImage, there: ProjectImage) -> dict[tuple[int, ...], int]:
    """Counts the pixels of each plane of an image that have different labels in two projects.

    Args:
        here, there: the image in both.

    Returns:
        Index of a plane to the number of pixels, without planes of equal labels.

    Examples:
        >>> np.save("cells.npy", np.zeros((20, 30), "uint16"))
        >>> image = ProjectImage.of_file("cells.npy")
        >>> differing_strokes(image, image)
        {}
    """
    result = {}
    for plane in sorted(here.runs.keys() | there.runs.keys()):
        one, two = (image.runs.get(plane, NO_RUNS) for image in (here, there))
        if not np.array_equal(one, two):
            differs = labels_of(one, here.shape) != labels_of(two, here.shape)
            result[plane] = int(differs.sum())
    return result
