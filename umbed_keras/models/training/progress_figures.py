"""Callbacks that draw what a model makes of held-out images after every epoch."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from umbed_keras import plots
from umbed_keras.models.training.pixel_quality import pyramids
from umbed_keras.typing import PathLike


class DrawPatches(keras.callbacks.Callback):
    """Draws patch pyramids of held-out pixels and their reconstructions after every epoch.

    Args:
        images: uint8, or floats in 0..1, `(n, height, width, channels)`, of which the first count.
        path: path of the .png file.
        count: number of images, with a pixel each.

    Examples:
        >>> DrawPatches(np.zeros((9, 16, 16, 3), "uint8"), "patches.png").rows.shape
        (8, 1)
    """

    def __init__(self, images: np.ndarray, path: PathLike, count: int = 8) -> None:
        super().__init__()
        self.images, self.path = images[:count], Path(path)
        random = np.random.default_rng(0)
        self.rows, self.cols = (
            random.integers(size, size=(len(self.images), 1)) for size in images.shape[1:3]
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws the figure.

        Args:
            epoch: unused.
            logs: unused.
        """
        at = self.images, self.rows, self.cols
        targets = pyramids(self.model, *at)
        rebuilt = self.model.reconstruct_patches(*at)
        plots.patch_pyramids(targets[:, 0], rebuilt[:, 0]).savefig(self.path, dpi=80)


class DrawReconstructions(keras.callbacks.Callback):
    """Draws held-out images, their reconstructions and errors after every epoch.

    Args:
        images: uint8, or floats in 0..1, `(n, height, width, channels)`, of which the first count.
        path: path of the .png file.
        count: number of images.

    Examples:
        >>> DrawReconstructions(np.zeros((9, 16, 16, 3), "uint8"), "a.png").images.shape
        (4, 16, 16, 3)
    """

    def __init__(self, images: np.ndarray, path: PathLike, count: int = 4) -> None:
        super().__init__()
        self.images, self.path = images[:count], Path(path)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Draws the figure.

        Args:
            epoch: unused.
            logs: unused.
        """
        rebuilt = self.model.reconstruct(self.images)
        plots.reconstructions(self.images, {"rebuilt": rebuilt}).savefig(self.path, dpi=60)
