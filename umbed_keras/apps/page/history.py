"""What can be undone and redone: states of a project."""

from typing import NamedTuple

import numpy as np

from umbed_keras.segmentation.project.label_class import LabelClass
from umbed_keras.segmentation.project.project import Project
from umbed_keras.segmentation.project.project_image import ProjectImage

# States that are kept. They share the arrays of strokes that did not change.
_MOST = 500


class State(NamedTuple):
    """The classes, images and strokes of a project.

    Args:
        classes: number to class.
        images: key to image.
        runs: key of an image to the strokes of its planes.

    Examples:
        >>> State.of(Project({1: "sky"})).classes[1].name
        'sky'
    """

    classes: dict[int, LabelClass]
    images: dict[str, ProjectImage]
    runs: dict[str, dict[tuple[int, ...], np.ndarray]]

    @classmethod
    def of(cls, project: Project) -> "State":
        """Returns the state of a project.

        Args:
            project: `Project`.
        """
        runs = {key: dict(image.runs) for key, image in project.images.items()}
        return cls(dict(project.classes), dict(project.images), runs)

    def restore(self, project: Project) -> None:
        """Gives a project this state.

        Args:
            project: `Project`.
        """
        project.classes, project.images = dict(self.classes), dict(self.images)
        for key, image in project.images.items():
            image.runs = dict(self.runs[key])


class History:
    """The states before and after that of a project, each with the name of what led away from it.

    Examples:
        >>> project, history = Project({1: "sky"}), History()
        >>> history.note("rename", project)
        >>> project.classes = {}
        >>> history.undo(project)
        'rename'
        >>> len(project.classes), history.undo_name, history.redo_name
        (1, None, 'rename')
    """

    def __init__(self) -> None:
        self._before: list[tuple[str, State]] = []
        self._after: list[tuple[str, State]] = []

    @property
    def undo_name(self) -> str | None:
        """The name of what would be undone."""
        return self._before[-1][0] if self._before else None

    @property
    def redo_name(self) -> str | None:
        """The name of what would be redone."""
        return self._after[-1][0] if self._after else None

    def note(self, name: str, project: Project) -> None:
        """Keeps the state of a project before it changes.

        Args:
            name: name of the change.
            project: `Project`.
        """
        self._before = [*self._before[1 - _MOST :], (name, State.of(project))]
        self._after = []

    def forget_undone(self) -> None:
        """Forgets what was undone last, such as a change that failed."""
        self._after.pop()

    def undo(self, project: Project) -> str | None:
        """Gives a project the state before the last change.

        Args:
            project: `Project`.

        Returns:
            The name of the change, or None if there is none.
        """
        return _move(project, self._before, self._after)

    def redo(self, project: Project) -> str | None:
        """Gives a project the state that was undone last.

        Args:
            project: `Project`.

        Returns:
            The name of the change, or None if there is none.
        """
        return _move(project, self._after, self._before)


def _move(
    project: Project, source: list[tuple[str, State]], target: list[tuple[str, State]]
) -> str | None:
    if not source:
        return None
    name, state = source.pop()
    target.append((name, State.of(project)))
    state.restore(project)
    return name
