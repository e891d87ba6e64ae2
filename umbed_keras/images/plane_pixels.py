"""Pixels of a plane as models learn from them."""

import numpy as np
import PIL.Image

from umbed_keras.images.image import Image
from umbed_keras.images.scaled_plane import ScaledPlane
from umbed_keras.images.scaling import Scaling

# Weights of red, green and blue in grey (ITU-R BT.601), as in Pillow.
_LUMA = np.array([0.299, 0.587, 0.114], "float32")


class PlanePixels:
    """A plane of an image to learn from, read by windows.

    Numbers of 8 bits that keep their values are uint8, all others float32 in 0..1. Pixels without
    data are 0.

    Args:
        image: `Image`.
        scaling: `Scaling` with limits.
        plane: index along the image's `plane_axes`.
        group: indices of the image's channels.
        channels: int, number of channels of the result: as many as in `group`, or 1 for the luma of
            three colours.

    Examples:
        >>> image = Image(np.full((4, 6, 3), 200, "uint8"))
        >>> pixels = PlanePixels(image, Scaling((0, 255)), (), (0, 1, 2), channels=1)
        >>> pixels[:2, :3].shape, pixels[:2, :3].dtype.name
        ((2, 3, 1), 'uint8')
    """

    def __init__(
        self,
        image: Image,
        scaling: Scaling,
        plane: tuple[int, ...],
        group: tuple[int, ...],
        channels: int,
    ):
        self._plane = ScaledPlane(image, scaling, plane, group)
        self.shape = (*self._plane.shape[:2], channels)
        self._eight_bits = image.dtype == np.uint8 and set(scaling.limits) == {(0.0, 255.0)}

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        values = self._plane[window]
        if self._eight_bits:
            values = np.rint(255 * values).astype("uint8")
        if values.shape[-1] == self.shape[-1]:
            return values
        if self._eight_bits:
            return np.asarray(PIL.Image.fromarray(values).convert("L"))[..., None]
        return (values @ _LUMA)[..., None]


def enlarged(pixels: np.ndarray, size: int) -> np.ndarray:
    """Enlarges an image by Lanczos resampling until its shorter side is `size`.

    Args:
        pixels: array `(height, width, channels)`, uint8 or floats in 0..1.
        size: int, in pixels.

    Examples:
        >>> enlarged(np.zeros((4, 6, 3), "uint8"), size=8).shape
        (8, 12, 3)
    """
    shortest = min(pixels.shape[:2])
    height, width = (max(size, round(side * size / shortest)) for side in pixels.shape[:2])
    planes = [
        np.asarray(PIL.Image.fromarray(plane).resize((width, height), PIL.Image.Resampling.LANCZOS))
        for plane in np.moveaxis(np.ascontiguousarray(pixels), -1, 0)
    ]
    enlarged = np.stack(planes, axis=-1)
    return enlarged if enlarged.dtype == np.uint8 else np.clip(enlarged, 0, 1)
