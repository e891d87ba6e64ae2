"""A project of images that are open, with or without files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.segmentation import Project
from umbed_keras.segmentation.project.project_image import ProjectImage


class OpenImages(Project):
    """A project of images that are open, which are known by their identity. It is not saved.

    Examples:
        >>> images, image = OpenImages(), uk.Image(np.zeros((8, 6)))
        >>> images.set_all([(image, np.eye(8, 6, dtype=int))])
        >>> images.open_image(images.key(image)) is image, images.missing
        (True, [])
    """

    def __init__(self) -> None:
        super().__init__()
        self._opened: dict[str, Image] = {}

    def take_settings(self, project: Project) -> dict[str, Any]:
        """Takes the settings of another project.

        Args:
            project: `Project`.

        Returns:
            The settings, as JSON knows them.
        """
        self.preset, self.scaling, self.channels = project.preset, project.scaling, project.channels
        self.smoothing, self.seed = project.smoothing, project.seed
        return self._header()["settings"]

    def key(self, image: Image) -> str:
        """Returns the key of an image, which is added if it is new.

        Args:
            image: `Image`.
        """
        key = str(id(image))
        if key not in self._opened:
            sizes = {axis: size for axis, size in image.sizes.items() if axis != "c"}
            self._opened[key] = image  # which keeps the identity from being given again
            self.images[key] = ProjectImage(Path(image.name), key, 0, sizes)
        return key

    def set_all(self, labelled: Sequence[tuple[Image, np.ndarray]]) -> None:
        """Replaces all strokes.

        Args:
            labelled: images and their label images; other images have no strokes any more.
        """
        kept = {self.key(image): labels for image, labels in labelled}
        for key, labels in kept.items():
            self.set_strokes(key, labels)
        for key in self.images.keys() - kept.keys():
            self.images[key].runs = {}

    def open_image(self, key: str) -> Image:
        """Returns an image.

        Args:
            key: what `key` returned.
        """
        return self._opened[key]

    @property
    def missing(self) -> list[str]:
        """No keys: all images are open."""
        return []
