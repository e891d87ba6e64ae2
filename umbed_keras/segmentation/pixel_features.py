"""Features of pixels: the image's channels and the vectors of an embedder."""

import collections
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from umbed_keras.images.arrays import to_host
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.base.weights_digest import update_by_weights
from umbed_keras.typing import ArrayLike, PathLike

# The built-in preset whose vectors are best for segmentation.
DEFAULT_PRESET = "natural_lite0_vae_d32"


class PixelFeatures:
    """Describes every pixel of an image by its channels and its vector.

    The channels, as floats in 0..1, come first, and then the vector. An embedder of one channel
    takes images of any number of channels: it embeds each channel alone, and the vectors stand one
    after the other.

    A preset is loaded when it is first needed. The features of the last images are kept, by the
    images' content, and not computed again.

    Args:
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        kept_bytes: int, bytes of features that are kept at most.

    Examples:
        >>> features = PixelFeatures("celeba_vq_k16")
        >>> features(np.zeros((8, 6, 3), "uint8")).shape  # 3 channels and 16 numbers
        (8, 6, 19)
        >>> features.vectors(np.zeros((8, 6, 3), "uint8")).shape
        (8, 6, 16)
    """

    def __init__(self, embedder: PixelEmbedder | PathLike, kept_bytes: int = 1 << 29) -> None:
        self.source = embedder
        self.kept_bytes = kept_bytes
        self._kept = collections.OrderedDict()

    @functools.cached_property
    def embedder(self) -> PixelEmbedder:
        """The `PixelEmbedder`, loaded if it is a preset."""
        return _loaded(self.source)

    @property
    def preset(self) -> PathLike | None:
        """The preset as it was passed, or None for an embedder that was passed itself."""
        return None if isinstance(self.source, PixelEmbedder) else self.source

    def __call__(self, image: ArrayLike) -> np.ndarray:
        """Computes the features of an image.

        Args:
            image: uint8 array, or floats in 0..1, `(height, width)` or
                `(height, width, channels)`.

        Returns:
            Float32 array `(height, width, channels + vector)`, read-only.

        Raises:
            TypeError: if `image` is neither uint8 nor floating.
            ValueError: if `image` has another rank, no pixels, values outside 0..1, or a number of
                channels that the embedder does not take.
        """
        image = self.channels_last(image)
        # The weights are part of the key because an embedder may be trained further.
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

    def vectors(self, image: ArrayLike) -> np.ndarray:
        """Computes the vectors of an image, without its channels.

        Args:
            image: as in `__call__`.

        Returns:
            Float32 array `(height, width, vector)`, read-only.
        """
        features = self(image)
        return features[..., self.num_channels(features.shape[-1]) :]

    def num_channels(self, num_features: int) -> int:
        """Returns how many of the features are channels of the image.

        Args:
            num_features: int, number of features of a pixel.

        Returns:
            Int, the number of channels, which come first.
        """
        if self.embedder.channels == 1:
            return num_features // (1 + self.embedder.latent_dim)
        return self.embedder.channels

    def describe(self, image: np.ndarray, embed: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Computes the features of an image by a given function.

        Args:
            image: array `(height, width, channels)`, uint8 or floats in 0..1.
            embed: function from a batch `(1, height, width, channels)` of the embedder's channels
                to vectors `(1, height, width, latent_dim)`.

        Returns:
            Float32 array `(height, width, channels + vector)`.
        """
        step = self.embedder.channels
        parts = [image[None, ..., at : at + step] for at in range(0, image.shape[-1], step)]
        # First, because the embedder checks the image.
        vectors = [embed(part)[0] for part in parts]
        channels = image / np.float32(255) if image.dtype == np.uint8 else image
        return np.concatenate([channels, *vectors], axis=-1, dtype="float32", casting="unsafe")

    def channels_last(self, image: ArrayLike) -> np.ndarray:
        """Converts an image to the channels that the embedder takes.

        Args:
            image: array `(height, width)` or `(height, width, channels)`.

        Returns:
            Array `(height, width, channels)`. For an embedder of three channels a grey image is
            repeated, and an opaque alpha channel is left out.

        Raises:
            ValueError: if `image` has another rank, no pixels, or a number of channels that the
                embedder does not take.
        """
        return _as_embedded(to_host(image), self.embedder.channels)

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles compute features anew: they may be hundreds of megabytes.
        return {**vars(self), "_kept": collections.OrderedDict()}


def features_func(
    preset: PixelEmbedder | PathLike = DEFAULT_PRESET, intensity: bool = True
) -> Callable[[ArrayLike], np.ndarray]:
    """Returns a function that computes features, for `skimage.future.TrainableSegmenter`.

    `TrainableSegmenter(features_func=features_func())` then segments by vectors instead of
    scikit-image's filter bank, and so do napari plugins that take such a function.

    Args:
        preset: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        intensity: bool; False leaves out the image's own channels, which come first.

    Returns:
        A function from an image, a uint8 array or floats in 0..1, `(height, width)` or
        `(height, width, channels)`, to a float32 array `(height, width, features)`.

    Raises:
        ValueError: if there is no such preset.

    Examples:
        >>> function = uk.segmentation.features_func("celeba_vq_k16")
        >>> function(np.zeros((8, 6, 3), "uint8")).shape
        (8, 6, 19)
    """
    features = PixelFeatures(_loaded(preset))
    return features if intensity else features.vectors


def fingerprint(model: PixelEmbedder) -> str:
    """Computes the SHA-256 of a model's weights, which is the same on every backend.

    Args:
        model: Keras model.

    Returns:
        Str of 64 hexadecimal digits.

    Examples:
        >>> one, two = (uk.PixelEmbedder(widths=(4, 4), seed=seed) for seed in (0, 1))
        >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(two)
        (True, False)
    """
    digest = hashlib.sha256()
    update_by_weights(digest, model)
    return digest.hexdigest()


def content_key(image: np.ndarray) -> str:
    """Computes a key that differs between images of different content, shape or dtype.

    Args:
        image: array.

    Returns:
        Str of 32 hexadecimal digits.

    Examples:
        >>> image = np.zeros((4, 6), "uint8")
        >>> content_key(image) == content_key(image.copy())
        True
        >>> content_key(image) == content_key(image.T)
        False
    """
    content = hashlib.blake2b(str((image.shape, image.dtype)).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def _loaded(embedder: PixelEmbedder | PathLike) -> PixelEmbedder:
    if isinstance(embedder, PixelEmbedder):
        return embedder
    return PixelEmbedder.from_preset(embedder)


def _as_embedded(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts an image to `(height, width, channels)` for an embedder of `channels` channels.

    Raises:
        ValueError: if the conversion is ambiguous; the message names the alternatives.
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(
            "`image` must have shape (height, width) or (height, width, channels), with pixels. "
            f"Received: shape={image.shape}"
        )
    count = image.shape[-1]
    if channels == 1 or count == channels:
        return image
    if channels == 3 and count == 1:
        return np.repeat(image, 3, axis=-1)
    if channels == 3 and count == 4:
        opaque = 255 if image.dtype == np.uint8 else 1
        if (image[..., 3] == opaque).all():
            return image[..., :3]
        raise ValueError(
            "`image` has 4 channels. If they are RGBA, compose the image with a background first "
            "(`skimage.color.rgba2rgb`), or pass `image[..., :3]` to leave out alpha. If they are "
            f"others: {_ONE_CHANNEL}"
        )
    raise ValueError(
        f"`image` has {count} channels, and the embedder takes {channels}. {_ONE_CHANNEL}"
    )


_ONE_CHANNEL = (
    "An embedder of one channel, such as 'natural_gray_vae_d16', takes images of any number of "
    "channels and describes each alone."
)
