"""Changes of a project, each of which can be undone and is saved."""

import colorsys
import dataclasses
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from umbed_keras.apps.page.history import History
from umbed_keras.apps.page.label_tiles import with_tiles
from umbed_keras.apps.page.places import free_path
from umbed_keras.images.labels import CLASS_COLORS
from umbed_keras.models import PixelEmbedder
from umbed_keras.segmentation.live_classifier import Plane
from umbed_keras.segmentation.project.label_class import LabelClass
from umbed_keras.segmentation.project.project import Project
from umbed_keras.segmentation.project.project_image import ProjectImage
from umbed_keras.segmentation.project.runs import NO_RUNS

# Labels are sent as bytes.
MOST_CLASSES = 255


class ProjectChanges:
    """A project whose changes are saved, and can be undone. Methods may be called in any thread.

    Args:
        project: `umbed_keras.segmentation.Project`, with a path.

    Attributes:
        project: the same.
        history: `History`.
        revision: number that grows with each change.
        session: text that tells revisions of this project from those of others.

    Examples:
        >>> project = Project({1: "sky", 2: "tree"})
        >>> project.save("trees.umbed")
        >>> changes = ProjectChanges(project)
        >>> changes.add_class("house")
        3
        >>> changes.undo(), list(Project.load("trees.umbed").classes)
        ('add class', [1, 2])
    """

    def __init__(self, project: Project) -> None:
        self._lock, self._saving = threading.RLock(), threading.Lock()
        self._begin(project)

    def _begin(self, project: Project) -> None:
        """Takes another project in place of this one."""
        with self._lock:
            self.project, self.history, self.revision = project, History(), 0
            self.session = secrets.token_hex(4)

    def set_tiles(self, plane: Plane, content: bytes, name: str = "stroke") -> None:
        """Replaces tiles of the strokes of a plane.

        Args:
            plane: key of an image, and index of a plane.
            content: as in `label_tiles.with_tiles`.
            name: what is done, for the history.

        Raises:
            KeyError: if there is no such image.
            ValueError: if there is no such plane, or `content` holds no tiles of it.
        """
        with self._change(name):
            image = self._image(plane)
            runs = with_tiles(image.runs.get(plane[1], NO_RUNS), image.shape, content)
            known = set(np.unique(runs[:, 2]).tolist())
            if not known <= self.project.classes.keys():
                raise ValueError("A stroke is of a class that is not there.")
            image.runs = {at: kept for at, kept in image.runs.items() if at != plane[1]}
            if len(runs):
                image.runs[plane[1]] = runs

    def clear(self, plane: Plane) -> None:
        """Removes the strokes of a plane.

        Args:
            plane: key of an image, and index of a plane.

        Raises:
            KeyError: if there is no such image.
            ValueError: if there is no such plane.
        """
        with self._change("clear"):
            image = self._image(plane)
            image.runs = {at: kept for at, kept in image.runs.items() if at != plane[1]}

    def add_class(self, name: str = "") -> int:
        """Adds a class.

        Args:
            name: its name; a free one if it is empty.

        Returns:
            Its number.

        Raises:
            ValueError: if the name is taken, or there are 255 classes.
        """
        with self._change("add class"):
            classes = self.project.classes
            free = [number for number in range(1, MOST_CLASSES + 1) if number not in classes]
            if not free:
                raise ValueError(f"There can be {MOST_CLASSES} classes at most.")
            number = free[0]
            self._check_name(name or f"class {number}", number)
            color = _free_color([given.color for given in classes.values()], number)
            added = LabelClass(name or f"class {number}", color)
            self.project.classes = dict(sorted({**classes, number: added}.items()))
            return number

    def change_class(self, number: int, name: str | None = None, color: str | None = None) -> None:
        """Renames or recolours a class.

        Args:
            number: its number.
            name: its new name, or None.
            color: its new colour, such as `#ff8000`, or None.

        Raises:
            KeyError: if there is no such class.
            ValueError: if the name is taken or empty, or the colour is none.
        """
        with self._change("rename" if name is not None else "recolour"):
            given = self.project.classes[number]
            if name is not None:
                self._check_name(name.strip(), number)
                given = LabelClass(name.strip(), given.color)
            if color is not None:
                red, green, blue = bytes.fromhex(color.removeprefix("#"))
                given = LabelClass(given.name, (red, green, blue))
            self.project.classes = {**self.project.classes, number: given}

    def remove_class(self, number: int) -> None:
        """Removes a class and its strokes.

        Args:
            number: its number.

        Raises:
            KeyError: if there is no such class.
        """
        with self._change("remove class"):
            classes = dict(self.project.classes)
            del classes[number]
            self.project.classes = classes
            for image in self.project.images.values():
                kept = {plane: runs[runs[:, 2] != number] for plane, runs in image.runs.items()}
                image.runs = {plane: runs for plane, runs in kept.items() if len(runs)}

    def undo(self) -> str | None:
        """Takes back the last change.

        Returns:
            Its name, or None if there is none.
        """
        return self._move(self.history.undo)

    def redo(self) -> str | None:
        """Makes a change again that was taken back.

        Returns:
            Its name, or None if there is none.
        """
        return self._move(self.history.redo)

    def _move(self, function: Callable[[Project], str | None]) -> str | None:
        with self._lock:
            name = function(self.project)
            self.revision += name is not None
        self._after_change()
        return name

    def set_preset(self, preset: str) -> None:
        """Chooses the embedder whose vectors the classifier learns from.

        Args:
            preset: name of a preset.

        Raises:
            ValueError: if there is no such preset.
        """
        if preset not in PixelEmbedder.presets:
            raise ValueError(f"There is no preset {preset!r}.")
        self._set(preset=preset)

    def set_channels(self, channels: Sequence[int] | None) -> None:
        """Chooses the channels that the classifier learns from.

        Args:
            channels: their indices; None takes all.

        Raises:
            ValueError: if there are none.
        """
        if channels is not None and not channels:
            raise ValueError("The classifier must learn from a channel at least.")
        self._set(channels=None if channels is None else list(channels))

    def _set(self, **settings: Any) -> None:
        """Changes settings of the project, with which everything is learned anew."""
        with self._lock:
            for name, value in settings.items():
                setattr(self.project, name, value)
            self._learn_anew()
            self.revision += 1
        self._after_change()

    def _learn_anew(self) -> None:
        """Forgets what was learned with other settings; a subclass may have learned something."""

    def save(self) -> None:
        """Writes the project to its file, or to a new one beside it if another program changed it.

        Raises:
            OSError: if the file can't be written.
        """
        with self._saving:
            project, twin = self.project, self._snapshot()
            try:
                twin.save()
            except FileExistsError:
                assert twin.path is not None
                twin.path, twin.saved_digest = free_path(twin.path.parent, twin.path.name), None
                twin.save()
            project.path, project.saved_digest = twin.path, twin.saved_digest

    @contextmanager
    def _change(self, name: str) -> Iterator[None]:
        """Notes a change for the history before it is made; then saves and answers it."""
        with self._lock:
            self.history.note(name, self.project)
            try:
                yield
            except BaseException:
                self.history.undo(self.project)
                self.history.forget_undone()
                raise
            self.revision += 1
        self._after_change()

    def _after_change(self) -> None:
        """Saves a change; a subclass may do more."""
        self.save()

    def _snapshot(self) -> Project:
        """A copy of the project, which nobody changes."""
        with self._lock:
            project = self.project
            twin = Project(
                project.classes,
                project.preset,
                project.scaling,
                project.channels,
                project.smoothing,
                project.seed,
            )
            twin.path, twin.saved_digest = project.path, project.saved_digest
            twin.images = {
                key: dataclasses.replace(image, runs=dict(image.runs))
                for key, image in project.images.items()
            }
            return twin

    def _image(self, plane: Plane) -> ProjectImage:
        image = self.project.images[plane[0]]
        shape = image.plane_shape
        inside = len(plane[1]) == len(shape) and all(
            0 <= at < size for at, size in zip(plane[1], shape, strict=True)
        )
        if not inside:
            raise ValueError(f"{image.name} has no plane {plane[1]}.")
        return image

    def _check_name(self, name: str, number: int) -> None:
        if not name:
            raise ValueError("A class needs a name.")
        for other, given in self.project.classes.items():
            if other != number and given.name == name:
                raise ValueError(f"Another class is called {name!r} already.")


def _free_color(taken: Sequence[tuple[int, int, int]], number: int) -> tuple[int, int, int]:
    """A colour that few classes have: of the palette while there are any."""
    for color in CLASS_COLORS:
        if color not in taken:
            return color
    # Hues that are far from each other, by the golden section.
    shade = colorsys.hsv_to_rgb(number * 0.618 % 1, 0.65, 0.85 - 0.2 * (number % 2))
    red, green, blue = (round(255 * part) for part in shade)
    return red, green, blue
