"""Lossy compression of images to bytes."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from umbed_keras.codec import Codec, stream
from umbed_keras.images.arrays import check_images
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import ArrayLike, Codes
from umbed_keras.zoo.arrays import read_arrays, write_arrays
from umbed_keras.zoo.format import CODEC
from umbed_keras.zoo.weights import update_by_weights

# Images that are encoded at once.
BATCH = 16
# Positions of codes that `adapt_codec` learns from, at most about.
ADAPT_POSITIONS = 1 << 22


class CompressionMixin:
    """`compress` and `decompress` for a model with `encode`, `decode` and a bottleneck.

    Examples:
        >>> model = uk.PixelEmbedder.from_preset("celeba_vq_k16")
        >>> images = np.zeros((1, 8, 8, 3), "uint8")
        >>> streams = model.compress(images)
        >>> len(streams), type(streams[0]).__name__
        (1, 'bytes')
        >>> model.decompress(streams).shape
        (1, 8, 8, 3)
    """

    _codec = None

    @property
    def codec_arrays(self) -> Mapping[str, np.ndarray] | None:
        """Name to array of the probabilities of codes that `adapt_codec` has learned.

        None if `adapt_codec` has not been called, or if the bottleneck predicts the probabilities
        itself, as `ScalarQuantizer` does.
        """
        return self._codec.arrays if self._codec else None

    @codec_arrays.setter
    def codec_arrays(self, arrays: Mapping[str, np.ndarray] | None) -> None:
        self._codec = Codec(self.bottleneck, arrays) if arrays else None

    def save_assets(self, dir_path: str) -> None:
        """Writes what `adapt_codec` has learned to a `.keras` file; Keras calls this.

        Args:
            dir_path: path of a folder, which becomes part of the file.
        """
        if self.codec_arrays:
            write_arrays(Path(dir_path) / CODEC, self.codec_arrays)

    def load_assets(self, dir_path: str | None) -> None:
        """Reads what `save_assets` wrote, if it is there; Keras calls this.

        Args:
            dir_path: path of a folder, or None.

        Raises:
            ValueError: if the file is damaged, or does not fit the bottleneck.
        """
        if dir_path and (Path(dir_path) / CODEC).is_file():
            self.codec_arrays = read_arrays(Path(dir_path) / CODEC)

    def adapt_codec(self, images: ArrayLike | Sequence[ArrayLike], verbose: int = 1) -> None:
        """Learns the probabilities of codes, which `compress` needs.

        A small network learns to predict the symbols of a code from those of the codes around it.
        `save_to_preset` and `save` store it; the built-in presets have it. Call this method again
        when the weights of the model have changed.

        Args:
            images: array `(batch, height, width, channels)`, uint8 (0..255) or floats in 0..1, or
                a list of such arrays: images that the model has learned from.
            verbose: int, 1 shows the progress, 0 does not.

        Raises:
            TypeError: if images are neither uint8 nor floats.
            ValueError: if there are no images, or images have another shape or values outside
                0..1.
            ValueError: if the codes of the bottleneck are not symbols, such as coefficients that
                are not quantized.
        """
        if not self.bottleneck.entropy_model().needs_adapting:
            return
        batches = images if isinstance(images, (list, tuple)) else [images]
        batches = [check_images(batch, self.channels) for batch in batches]
        positions = sum(
            len(batch) * math.prod(self.code_size(*batch.shape[1:3])) for batch in batches
        )
        if not positions:
            raise ValueError("`images` must hold at least one image. Received none.")
        share, maps = min(1.0, ADAPT_POSITIONS / positions), []
        for batch in batches:
            chosen = np.linspace(0, len(batch) - 1, math.ceil(share * len(batch))).astype(int)
            for start in range(0, len(chosen), BATCH):
                maps += _single(self.encode(batch[chosen[start : start + BATCH]]))
        self._codec = Codec.learn(self.bottleneck, maps, seed=self.seed, verbose=verbose)

    def compress(self, images: ArrayLike) -> list[bytes]:
        """Compresses images to bytes, by the range coder of `constriction` (`umbed_keras[codec]`).

        A stream holds exactly the codes that `encode` gives, in about as many bits as the negative
        logarithm of their probability, and at most 16 bytes more (see `umbed_keras.codec.stream`).
        A model with the same weights and codec decompresses it on any backend.

        For a `GaussianBottleneck` the stream holds the means. They are rounded to steps whose
        error has the variance of the noise in training. They are clipped, with a warning, to the
        range of those of the images of `adapt_codec`.

        Args:
            images: array `(batch, height, width, channels)`, uint8 (0..255) or floats in 0..1.

        Returns:
            List of bytes, one for each image.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `adapt_codec` has not been called.
            ImportError: if constriction is not installed.
        """
        codec, images = self._checked_codec(), check_images(images, self.channels)
        fingerprint, size = self._fingerprint(codec), images.shape[1:3]
        streams = []
        for start in range(0, len(images), BATCH):
            for codes in _single(self.encode(images[start : start + BATCH])):
                streams.append(stream.pack(fingerprint, size, codec.encode(codes)))
        return streams

    def decompress(self, streams: Sequence[bytes], max_pixels: int = 1 << 26) -> np.ndarray:
        """Decompresses images, as `decode` gives them.

        Args:
            streams: list of bytes from `compress`, for images of one size.
            max_pixels: int. A stream that states a larger image is refused before any memory is
                allocated for it.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            TypeError: if a stream is not bytes.
            ValueError: if there are no streams, or their images differ in size.
            ValueError: if a stream is truncated or altered, has more than `max_pixels`, or comes
                from a model with other weights or another codec.
            ValueError: if `adapt_codec` has not been called.
            ImportError: if constriction is not installed.
        """
        check_integers(max_pixels=(1, max_pixels))
        codec = self._checked_codec()
        fingerprint = self._fingerprint(codec)
        if isinstance(streams, (bytes, bytearray)) or not len(streams):
            raise ValueError("`streams` must be a list of bytes, one or more.")
        sizes, payloads = zip(*(stream.unpack(part, fingerprint) for part in streams), strict=True)
        if len(set(sizes)) > 1:
            raise ValueError(
                "`streams` must be of images of one size. Decompress others one by one. "
                f"Received: {sorted(set(sizes))}"
            )
        height, width = sizes[0]
        if height * width > max_pixels:
            raise ValueError(
                f"The stream states {height} x {width} pixels, more than max_pixels={max_pixels}."
            )
        maps = [codec.decode(payload, *self.code_size(height, width)) for payload in payloads]
        codes = {name: np.stack([part[name] for part in maps]) for name in maps[0]}
        return self._decode(codes, (height, width))

    def code_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns the rows and columns of the map of codes of an image.

        Args:
            height: int, in pixels.
            width: int, in pixels.
        """
        return height, width

    def _decode(self, codes: Codes, size: tuple[int, int]) -> np.ndarray:
        """Returns images `(batch, *size, channels)` from codes."""
        return self.decode(codes)

    def _checked_codec(self):
        if not self.bottleneck.entropy_model().needs_adapting:
            return Codec(self.bottleneck, {})
        if self._codec is None:
            raise ValueError(
                "The model has not learned the probabilities of its codes. Call "
                "`model.adapt_codec(images)` with images that it has learned from. "
                "`save_to_preset` stores them."
            )
        return self._codec

    def _fingerprint(self, codec):
        """Returns the first bytes of SHA-256 over weights and codec, which identify the model."""
        digest = hashlib.sha256(stream.FORMAT)
        update_by_weights(digest, self)
        for name, part in sorted(codec.arrays.items()):
            digest.update(name.encode() + part.tobytes())
        return digest.digest()[: stream.FINGERPRINT]


def _single(codes):
    """Returns the codes of each image of a batch, a list of dictionaries."""
    count = len(next(iter(codes.values())))
    return [{name: part[image] for name, part in codes.items()} for image in range(count)]
