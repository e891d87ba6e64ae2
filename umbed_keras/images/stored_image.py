"""One image that may lie on disk."""

from typing import Any

import numpy as np

from umbed_keras.images.arrays import check_images, to_host


class StoredImage:
    """A batch of one image that is read and checked window by window.

    Args:
        image: `(height, width, channels)`, uint8 (0..255) or floats in 0..1: NumPy array, memory
            map, Zarr array, h5py dataset or anything else with `shape`, `dtype` and slicing.
        channels: int, channels that the image must have.

    Attributes:
        shape: ints `(1, height, width, channels)`.

    Raises:
        TypeError: if `image` has no `shape` or `dtype`.
        ValueError: if `image` has another number of axes or channels, or no pixels.

    Indexing it with slices of batch, rows and columns returns a NumPy array
    `(1, rows, cols, channels)`, uint8 or float32. It raises TypeError for another dtype and
    ValueError for values outside 0..1.

    Examples:
        >>> stored = StoredImage(np.zeros((40, 60, 3), "uint8"), channels=3)
        >>> stored.shape, stored[:, 0:8, 10:20].shape
        ((1, 40, 60, 3), (1, 8, 10, 3))
    """

    def __init__(self, image: Any, channels: int):
        if not (hasattr(image, "shape") and hasattr(image, "dtype")):
            raise TypeError(
                "`image` must be an array with `shape`, `dtype` and slices. "
                f"Received: {type(image).__name__}"
            )
        if len(image.shape) != 3 or image.shape[2] != channels or 0 in image.shape:
            raise ValueError(
                f"`image` must have shape (height, width, {channels}) with pixels. "
                f"Received: shape={tuple(image.shape)}"
            )
        self.image, self.channels = image, channels
        self.shape = (1, *image.shape)

    def __getitem__(self, window: tuple[Any, slice, slice]) -> np.ndarray:
        _, rows, cols = window
        return check_images(to_host(self.image[rows, cols])[None], self.channels)
