"""A plane of an image as floats in 0..1, read by windows."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling


class ScaledPlane:
    """Some channels of a plane, scaled to 0..1, as an array that models read by windows.

    Pixels without data are 0; `valid` tells which they are. Colours with opacity are laid on
    white. A channel that is asked for several times is read and scaled once.

    Args:
        image: `Image`.
        scaling: `Scaling` with limits for all intensity channels of the image (or one pair).
        plane: index along the image's `plane_axes`.
        channels: indices of the channels; None takes all that hold intensities.

    Examples:
        >>> image = Image(np.arange(24).reshape(2, 3, 4), "zyx")
        >>> plane = ScaledPlane(image, Scaling((0, 23)), plane=(1,), channels=(0, 0, 0))
        >>> plane.shape, plane[0:2, 0:2].shape
        ((3, 4, 3), (2, 2, 3))
    """

    dtype = np.dtype("float32")

    def __init__(
        self,
        image: Image,
        scaling: Scaling,
        plane: tuple[int, ...] = (),
        channels: Sequence[int] | None = None,
    ):
        self.image, self.plane = image, plane
        self.channels = tuple(image.channels if channels is None else channels)
        self.shape = (image.height, image.width, len(self.channels))
        self._unique = tuple(dict.fromkeys(self.channels))
        self._is_translucent = image.is_rgb and image.details.alpha is not None
        most = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
        self._opacity = Scaling((0, most))
        self._scaling = scaling.of_channels([image.channels.index(at) for at in self._unique])

    def __getitem__(self, index: Any) -> np.ndarray:
        rows, cols = index
        scaled = self._scaling(self.image.read(rows, cols, self.plane, self._unique))
        valid = self.image.valid(rows, cols, self.plane)
        if not valid.all():
            scaled[~valid] = 0
        if self._is_translucent:
            alpha = self.image.details.alpha
            opacity = self._opacity(self.image.read(rows, cols, self.plane, (alpha,)))
            scaled = opacity * scaled + (1 - opacity)
        if self._unique == self.channels:
            return scaled
        return scaled[..., [self._unique.index(channel) for channel in self.channels]]

    def valid(self, rows: slice | None = None, cols: slice | None = None) -> np.ndarray:
        """Returns which pixels of a window hold data, a boolean array `(rows, cols)`.

        Args:
            rows, cols: slices without a step; None takes all.
        """
        return self.image.valid(rows, cols, self.plane)
