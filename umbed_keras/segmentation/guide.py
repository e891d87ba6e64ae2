"""The channels of an image that guide the smoothing of its classes."""

import numpy as np


class Guide:
    """Reduces the channels of pixels to at most three that tell how far two colours are apart.

    Up to three channels stay. Of more, those combinations are kept that vary most among the
    labelled pixels: their first three principal components. Distances are scaled to those of three
    channels, so that a parameter of the filter means the same for every image.

    Args:
        channels: float array `(n, channels)`, the channels of labelled pixels in 0..1.

    Attributes:
        matrix: float32 array `(channels, at most 3)`, by which channels are multiplied.

    Examples:
        >>> guide = Guide(np.random.default_rng(0).uniform(size=(20, 5)))
        >>> guide(np.zeros((8, 6, 5), "float32")).shape
        (8, 6, 3)
    """

    def __init__(self, channels: np.ndarray) -> None:
        count = channels.shape[1]
        self.matrix = np.sqrt(3 / count) * np.eye(count)
        if count > 3:
            centred = channels.astype("float64") - channels.mean(axis=0, dtype="float64")
            variances, components = np.linalg.eigh(centred.T @ centred)
            largest = components[:, np.argsort(-variances, kind="stable")[:3]]
            self.matrix = self.matrix @ largest
        self.matrix = self.matrix.astype("float32")

    def __call__(self, channels: np.ndarray, is_grey: bool = False) -> np.ndarray:
        """Returns the guide of an image.

        Args:
            channels: float32 array `(height, width, channels)`, NaN where there are no data.
            is_grey: bool, whether all channels are copies of one.

        Returns:
            float32 array `(height, width, at most 3)`, 0 where there are no data.
        """
        channels = np.nan_to_num(channels)
        if is_grey:
            # The filter gives what it does for the copies, by a division.
            return np.sqrt(np.float32(3)) * channels[..., :1]
        return channels @ self.matrix
