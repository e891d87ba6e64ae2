"""A labelled plane, or a part of one, that a classifier learns from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors


class LabelledPart(NamedTuple):
    """A plane of an image, or a window of it, with labels.

    Args:
        key: text by which the part is known again.
        vectors: `ImageVectors` of the image.
        labels: int array `(height, width)`; 0 means no label.
        features: function that returns the features of the part, float32
            `(height, width, features)`.

    Examples:
        >>> embedder = uk.PixelEmbedder(latent_dim=4, widths=(4, 4), hidden_units=(4,))
        >>> vectors = ImageVectors(embedder, uk.Image(np.arange(48).reshape(6, 8)))
        >>> features = lambda: np.zeros((6, 8, 7), "float32")
        >>> LabelledPart("first", vectors, np.eye(6, 8, dtype=int), features).features().shape
        (6, 8, 7)
    """

    key: str
    vectors: ImageVectors
    labels: np.ndarray
    features: Callable[[], np.ndarray]
