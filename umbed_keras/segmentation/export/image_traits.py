"""What a classifier remembers of an image that it was fitted to."""

from typing import Any, NamedTuple, Self

import numpy as np

from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors


class ImageTraits(NamedTuple):
    """What the file of an exported classifier needs to know of a labelled image.

    Args:
        is_natural: whether its limits need no fit: uint8 from 0 to 255, or numbers in 0..1.
        channels: which of the image's channels of intensities were used, in order.

    Examples:
        >>> embedder = uk.PixelEmbedder(latent_dim=4, widths=(4, 4), hidden_units=(4,))
        >>> image = uk.Image(np.arange(96, dtype="uint16").reshape(2, 6, 8), "cyx")
        >>> ImageTraits.of(ImageVectors(embedder, image, channels=[1]))
        ImageTraits(is_natural=False, channels=(1,))
    """

    is_natural: bool
    channels: tuple[int, ...]

    @classmethod
    def of(cls, vectors: ImageVectors) -> Self:
        """Returns the traits of an image.

        Args:
            vectors: `ImageVectors` of the image.
        """
        image, limits = vectors.image, set(vectors.scaling.limits)
        natural = (0.0, 255.0) if image.dtype == np.uint8 else (0.0, 1.0)
        return cls(limits == {natural}, tuple(map(image.channels.index, vectors.channels)))

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Returns the traits that JSON holds.

        Args:
            config: list of the two fields.

        Raises:
            ValueError: if it is something else.
        """
        is_natural, channels = config
        whole = all(type(channel) is int and channel >= 0 for channel in channels)
        if type(is_natural) is not bool or not channels or not whole:
            raise ValueError(f"traits of an image must be a bool and indices, not {config!r}")
        return cls(is_natural, tuple(channels))
