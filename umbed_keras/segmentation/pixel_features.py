"""What a classifier of pixels gets to see: an image's channels and the embedder's vectors."""

import collections
import hashlib

import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.models import PixelEmbedder
from umbed_keras.segmentation.classifier_file import fingerprint

# The built-in preset whose vectors tell most about what a pixel shows.
DEFAULT_PRESET = "natural_lite0_vae_d32"


class PixelFeatures:
    """Describes every pixel by its channels, in 0..1, and then by its vector.

    An embedder of one channel takes images of any number and describes each channel alone, one
    vector after the other. Vectors of the last images are kept, by content, and not computed
    again.

    Args:
        embedder: `PixelEmbedder`, or what `PixelEmbedder.from_preset` takes.
        kept_bytes: int, bytes of features that are kept at most.
    """

    def __init__(self, embedder, kept_bytes=1 << 29):
        if isinstance(embedder, PixelEmbedder):
            self.preset, self.embedder = None, embedder
        else:
            self.preset, self.embedder = embedder, PixelEmbedder.from_preset(embedder)
        self.kept_bytes = kept_bytes
        self._kept = collections.OrderedDict()

    def __call__(self, image):
        """The features of an image.

        Args:
            image: uint8 or floats in 0..1, `(height, width)` or `(height, width, channels)`.

        Returns:
            NumPy float32 array `(height, width, channels + numbers)`, for reading only.

        Raises:
            TypeError, ValueError: `image` not as described, or not of the embedder's channels.
        """
        image = self.channels_last(image)
        # Embedders can go on learning.
        key = content_key(image), fingerprint(self.embedder)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        features = self.describe(image, self.embedder.embed)
        features.flags.writeable = False
        self._kept[key] = features
        while sum(kept.nbytes for kept in self._kept.values()) > self.kept_bytes:
            self._kept.popitem(last=False)
        return features

    def vectors(self, image):
        """The vectors alone, `(height, width, numbers)`, for reading only."""
        features = self(image)
        return features[..., self.num_channels(features.shape[-1]) :]

    def num_channels(self, num_features):
        """How many of the features are an image's channels: the first ones."""
        if self.embedder.channels == 1:
            return num_features // (1 + self.embedder.latent_dim)
        return self.embedder.channels

    def describe(self, image, embed):
        """The features of an image `(height, width, channels)` by a function of a batch."""
        channels = self.embedder.channels
        parts = [image[None, ..., at : at + channels] for at in range(0, image.shape[-1], channels)]
        # The embedder checks the image before anything is made of it.
        vectors = [embed(part)[0] for part in parts]
        colours = image / np.float32(255) if image.dtype == np.uint8 else image
        return np.concatenate([colours, *vectors], axis=-1, dtype="float32", casting="unsafe")

    def channels_last(self, image):
        """An image as the embedder takes it: grey ones get channels, opaque RGBA loses alpha."""
        return as_embedded(to_host(image), self.embedder.channels)


def content_key(image):
    """Text that tells images of different content apart."""
    content = hashlib.blake2b(str((image.shape, image.dtype)).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def as_embedded(image, channels):
    """An image `(height, width, channels)` for an embedder of so many channels.

    Raises:
        ValueError: an image that has no one meaning for it; the message says what to do.
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must have shape (height, width) or (height, width, channels), with pixels. "
            f"Received: shape={image.shape}"
        )
    found = image.shape[-1]
    if channels == 1 or found == channels:
        return image
    if channels == 3 and found == 1:
        return np.repeat(image, 3, axis=-1)
    if channels == 3 and found == 4:
        opaque = 255 if image.dtype == np.uint8 else 1
        if (image[..., 3] == opaque).all():
            return image[..., :3]
        raise ValueError(
            "`image` has 4 channels. If they are RGBA, lay what shines through on a background "
            "first (`skimage.color.rgba2rgb`), or pass `image[..., :3]` to leave out alpha. If "
            f"they are others: {_GREY}"
        )
    raise ValueError(f"`image` has {found} channels, and the embedder takes {channels}. {_GREY}")


_GREY = (
    "An embedder of one channel, such as 'natural_gray_vae_d16', takes images of any number of "
    "channels and describes each alone."
)


def features_func(preset=DEFAULT_PRESET, intensity=True):
    """Features for `skimage.future.TrainableSegmenter` in place of its filter bank.

    `TrainableSegmenter(features_func=features_func())` segments as ever, as do napari plugins that
    take such a function.

    Args:
        preset: `PixelEmbedder`, or what `PixelEmbedder.from_preset` takes.
        intensity: bool; False leaves out the image's own channels, which come first.

    Returns:
        Function from an image, uint8 or floats in 0..1, `(height, width)` or
        `(height, width, channels)`, to a NumPy float32 array `(height, width, features)`.
    """
    features = PixelFeatures(preset)
    return features if intensity else features.vectors
