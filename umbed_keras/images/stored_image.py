"""Images that lie on disk."""

from umbed_keras.images.arrays import check_images, to_host


class StoredImage:
    """One image that may lie on disk, read and checked a window at a time, as a batch of one.

    Args:
        image: anything `(height, width, channels)` with `shape`, `dtype` and slices: NumPy arrays
            and memory maps, Zarr arrays, h5py datasets.
        channels: int.
    """

    def __init__(self, image, channels):
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

    def __getitem__(self, place):
        _, rows, cols = place
        return check_images(to_host(self.image[rows, cols])[None], self.channels)
