"""Features of pixels: the image's channels and the vectors of an embedder."""

import collections
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.scaling import Scaling, warn_if_flat
from umbed_keras.models import PixelEmbedder
from umbed_keras.models.pixel_embedder.image_vectors import ImageVectors
from umbed_keras.segmentation.image_lists import as_images
from umbed_keras.typing import ArrayLike, PathLike
from umbed_keras.zoo.locations import lasting_handle
from umbed_keras.zoo.weights import update_by_weights

# The built-in preset whose vectors are best for segmentation.
DEFAULT_PRESET = "free_lite0_vae_d32"
# Steps of a number in 0..1 by which images are compared: copies in 8 bits and as floats are one.
_STEPS = 4095


class PixelFeatures:
    """Describes every pixel of an image by its channels and its vector.

    The channels, scaled to 0..1, come first, and then the vector. Three colour channels are
    embedded together, a grey channel is repeated, and the channels of any other image are embedded
    one by one: their vectors stand one after the other. Pixels without data have NaN throughout.

    A preset is loaded when it is first needed. The features of the last images are kept, by the
    images' content, and not computed again.

    Args:
        embedder: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        scaling: `Scaling` of the images' numbers. Without limits it is fitted to each image.
        channels: indices or names of the channels to use, in order; None uses all.
        kept_bytes: int, bytes of features that are kept at most.

    Examples:
        >>> features = PixelFeatures("celeba_vq_k16")
        >>> features(np.zeros((8, 6, 3), "uint8")).shape  # 3 channels and 16 numbers
        (8, 6, 19)
        >>> features.vectors(np.zeros((8, 6, 3), "uint8")).shape
        (8, 6, 16)
    """

    def __init__(
        self,
        embedder: PixelEmbedder | PathLike,
        scaling: Scaling | None = None,
        channels: Sequence[int | str] | None = None,
        kept_bytes: int = 1 << 29,
    ) -> None:
        self.source = embedder
        self.scaling = scaling or Scaling()
        self.channels = channels
        self.kept_bytes = kept_bytes
        self._kept = collections.OrderedDict()
        self._models: dict[str, PixelEmbedder] = {}

    @property
    def embedder(self) -> PixelEmbedder:
        """The `PixelEmbedder`, loaded if it is a preset."""
        if not self._models:
            self._models["loaded"] = _loaded(self.source)
        return self._models["loaded"]

    def with_options(
        self, scaling: Scaling, channels: Sequence[int | str] | None
    ) -> "PixelFeatures":
        """Returns features in another scaling, which share the embedder and what is kept.

        Args:
            scaling, channels: as in the class.
        """
        twin = PixelFeatures(self.source, scaling, channels, self.kept_bytes)
        twin._kept, twin._models = self._kept, self._models
        return twin

    @property
    def preset(self) -> str | None:
        """The name or absolute path of the embedder's preset, or None if it has none."""
        if isinstance(self.source, PixelEmbedder):
            return self.source.origin.get("preset") or None
        return lasting_handle(self.source)

    def of_image(self, image: Image) -> ImageVectors:
        """Returns the `ImageVectors` of an image, in the scaling that belongs to it.

        Args:
            image: `Image`.
        """
        return ImageVectors(self.embedder, image, self.scaling, self.channels)

    def __call__(
        self,
        image: Image | PathLike | ArrayLike,
        plane: tuple[int, ...] = (),
        axes: str | None = None,
    ) -> np.ndarray:
        """Computes the features of an image.

        Args:
            image: `Image`, path, or array of numbers of any type, `(height, width)` or
                `(height, width, channels)`.
            plane: index of a plane, for a stack.
            axes: axes of an array or file that does not name its own.

        Returns:
            float32 array `(height, width, channels + vector)`, read-only, NaN without data.

        Raises:
            TypeError: if `image` is no array of numbers.
            ValueError: if `image` has no pixels, axes that have no one meaning, or a number of
                channels that the embedder does not take.
        """
        (image,), _ = as_images(image if isinstance(image, Image) else [image], axes)
        return self.of_plane(self.of_image(image), plane)[0]

    def of_plane(
        self, vectors: ImageVectors, plane: tuple[int, ...] = ()
    ) -> tuple[np.ndarray, str]:
        """Computes the features of a plane, or takes those that are kept.

        Args:
            vectors: `ImageVectors` of the image.
            plane: index along the image's `plane_axes`.

        Returns:
            float32 array `(height, width, channels + vector)`, read-only, NaN without data; and
            the key by which the plane is known again.
        """
        values, valid = vectors.values(plane), vectors.valid(plane)
        content = content_key(values, valid, vectors.num_groups)
        # The weights are part of the key because an embedder may be trained further.
        key = content, fingerprint(self.embedder)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key], content
        warn_if_flat(values[valid], vectors.image.name)
        features = _joined(values, vectors.embed(plane))
        features.flags.writeable = False
        self._kept[key] = features
        while sum(kept.nbytes for kept in self._kept.values()) > self.kept_bytes:
            self._kept.popitem(last=False)
        return features, content

    def key(self, vectors: ImageVectors, plane: tuple[int, ...] = ()) -> str:
        """Returns the key by which a plane is known again.

        Args:
            vectors, plane: as in `of_plane`.
        """
        return content_key(vectors.values(plane), vectors.valid(plane), vectors.num_groups)

    def vectors(
        self,
        image: Image | PathLike | ArrayLike,
        plane: tuple[int, ...] = (),
        axes: str | None = None,
    ) -> np.ndarray:
        """Computes the vectors of an image, without its channels.

        Args:
            image, plane, axes: as in `__call__`.

        Returns:
            float32 array `(height, width, vector)`, read-only, NaN without data.
        """
        features = self(image, plane, axes)
        return features[..., self.num_channels(features.shape[-1]) :]

    def num_channels(self, num_features: int) -> int:
        """Returns how many of the features are channels of the image.

        Args:
            num_features: int, number of features of a pixel.

        Returns:
            Int, the number of channels, which come first.
        """
        channels, size = self.embedder.channels, self.embedder.latent_dim
        return channels if num_features == channels + size else num_features // (1 + size)

    def window(
        self, vectors: ImageVectors, plane: tuple[int, ...], rows: slice, cols: slice
    ) -> np.ndarray:
        """Computes the features of a window, which are not kept.

        Args:
            vectors: `ImageVectors` of the image.
            plane: index along the image's `plane_axes`.
            rows, cols: slices that begin at multiples of the embedder's `stride`.

        Returns:
            float32 array `(rows, cols, channels + vector)`, NaN without data.
        """
        return _joined(vectors.values(plane, rows, cols), vectors.embed(plane, rows, cols))

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles compute features anew: they may be hundreds of megabytes.
        return {**vars(self), "_kept": collections.OrderedDict()}


def features_func(
    preset: PixelEmbedder | PathLike = DEFAULT_PRESET,
    intensity: bool = True,
    scaling: Scaling | None = None,
    channels: Sequence[int | str] | None = None,
) -> Callable[[ArrayLike], np.ndarray]:
    """Returns a function that computes features, for `skimage.future.TrainableSegmenter`.

    `TrainableSegmenter(features_func=features_func())` then segments by vectors instead of
    scikit-image's filter bank, and so do napari plugins that take such a function.

    Args:
        preset: `PixelEmbedder`, or a preset, as `PixelEmbedder.from_preset` takes it.
        intensity: bool; False leaves out the image's own channels, which come first.
        scaling: `Scaling` of the images' numbers. Without limits it is fitted to each image.
        channels: indices or names of the channels to use, in order; None uses all.

    Returns:
        A function from an image, `(height, width)` or `(height, width, channels)` of any type of
        numbers, to a float32 array `(height, width, features)`.

    Raises:
        ValueError: if there is no such preset.

    Examples:
        >>> function = uk.segmentation.features_func("celeba_vq_k16")
        >>> function(np.zeros((8, 6, 3), "uint8")).shape
        (8, 6, 19)
    """
    features = PixelFeatures(_loaded(preset), scaling, channels)
    return features if intensity else features.vectors


def fingerprint(model: PixelEmbedder) -> str:
    """Computes the SHA-256 of a model's weights, which is the same on every backend.

    That of a model with `guided_features` is another.

    Args:
        model: Keras model.

    Returns:
        Str of 64 hexadecimal digits.

    Examples:
        >>> one, two = (uk.PixelEmbedder(widths=(4, 4), seed=seed) for seed in (0, 1))
        >>> fingerprint(one) == fingerprint(one), fingerprint(one) == fingerprint(two)
        (True, False)
    """
    digest = hashlib.sha256(b"guided features" if model.guided_features else b"")
    update_by_weights(digest, model)
    return digest.hexdigest()


def content_key(values: np.ndarray, valid: np.ndarray, num_groups: int = 1) -> str:
    """Computes a key that differs between images of different content or shape.

    Numbers are compared in steps of 1/4095, so that a copy of an image as floats has its key.

    Args:
        values: floats in 0..1.
        valid: booleans, which pixels hold data.
        num_groups: into how many groups of channels the values are divided.

    Returns:
        Str of 32 hexadecimal digits.

    Examples:
        >>> image, valid = np.array([[10, 200]], "uint8"), np.ones((1, 2), bool)
        >>> content_key(image / np.float32(255), valid) == content_key(image / 255, valid)
        True
        >>> content_key(image / 255, valid) == content_key(image.T / 255, valid.T)
        False
    """
    content = hashlib.blake2b(str((values.shape, num_groups)).encode(), digest_size=16)
    content.update(np.rint(_STEPS * np.ascontiguousarray(values)).astype("uint16").data)
    content.update(np.packbits(valid).data)
    return content.hexdigest()


def _joined(values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Channels and vectors side by side; NaN wherever the vectors are."""
    features = np.concatenate([values, vectors], axis=-1, dtype="float32")
    without = np.isnan(vectors[..., 0])
    if without.any():
        features[without] = np.nan
    return features


def _loaded(embedder: PixelEmbedder | PathLike) -> PixelEmbedder:
    if isinstance(embedder, PixelEmbedder):
        return embedder
    return PixelEmbedder.from_preset(embedder)
