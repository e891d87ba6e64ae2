"""The classes of a project: names and colours of numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from umbed_keras.images.labels import class_colors


@dataclass(frozen=True)
class LabelClass:
    """The name and the colour of a class.

    Args:
        name: name, as people call what belongs to the class.
        color: red, green and blue in 0..255.

    Raises:
        ValueError: if `color` is no such triple, or `name` is empty.

    Examples:
        >>> uk.segmentation.LabelClass("nucleus", (213, 94, 0)).name
        'nucleus'
    """

    name: str
    color: tuple[int, int, int]

    def __post_init__(self) -> None:
        color = tuple(int(part) for part in self.color)
        if len(color) != 3 or not all(0 <= part <= 255 for part in color):
            raise ValueError(f"`color` must be three integers in 0..255. Received: {self.color}")
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"`name` must be a text that is not empty. Received: {self.name!r}")
        object.__setattr__(self, "color", color)


def as_classes(classes: Mapping[int, Any]) -> dict[int, LabelClass]:
    """Returns classes in the order of their numbers.

    Args:
        classes: number to `LabelClass`, or to a name alone.

    Raises:
        ValueError: if a number is no integer, or is 0, which is no class; or if two classes have
            one name.

    Examples:
        >>> as_classes({7: "sky"})[7].name
        'sky'
    """
    result = {}
    for number in sorted(classes):
        if int(number) != number or number == 0:
            raise ValueError(f"A class must be an integer other than 0. Received: {number}")
        given = classes[number]
        if not isinstance(given, LabelClass):
            given = LabelClass(given, _color(number))
        result[int(number)] = given
    names = [given.name for given in result.values()]
    if len(set(names)) < len(names):
        raise ValueError(f"Classes must have different names. Received: {names}")
    return result


def with_numbers(
    classes: Mapping[int, LabelClass], numbers: Iterable[int]
) -> dict[int, LabelClass]:
    """Returns classes and those of further numbers, in the order of the numbers.

    Args:
        classes: number to class.
        numbers: numbers of classes, which are called after them where they are new.

    Examples:
        >>> [given.name for given in with_numbers(as_classes({1: "sky"}), [1, 4]).values()]
        ['sky', 'class 4']
    """
    result = dict(classes)
    for number in numbers:
        if number not in result:
            name, names = f"class {number}", {given.name for given in result.values()}
            while name in names:
                name += "'"
            result[number] = LabelClass(name, _color(number))
    return dict(sorted(result.items()))


def _color(number: int) -> tuple[int, int, int]:
    red, green, blue = class_colors(np.array(number)).tolist()
    return red, green, blue
