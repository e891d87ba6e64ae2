"""Images as bytes and back."""

import hashlib
import math

import numpy as np

from umbed_keras.codec import Codec, stream
from umbed_keras.images.arrays import check_images
from umbed_keras.models.base.weights_digest import update_by_weights
from umbed_keras.ops.checks import check_integers

# Images at once; codes that `adapt_codec` looks at, about.
BATCH, ADAPT_PLACES = 16, 1 << 22


class CompressionMixin:
    """What models with a bottleneck do with real bytes.

    The model has `encode` and `decode`, and `code_size(height, width)`, the size of the map of
    codes of an image.
    """

    _codec = None

    @property
    def codec_arrays(self):
        """Name to array, how probable codes are: what `adapt_codec` has learned, or None.

        None, too, where the bottleneck itself says so: `ScalarQuantizer(context=...)`.
        """
        return self._codec.arrays if self._codec else None

    @codec_arrays.setter
    def codec_arrays(self, arrays):
        self._codec = Codec(self.bottleneck, arrays) if arrays else None

    def adapt_codec(self, images, verbose=1):
        """Learns how probable codes are, which `compress` needs; presets know already.

        From the codes of images, those that the model has learned from: a small network tells the
        symbols of a code from those of the codes around it. `save_to_preset` stores it. Call it
        again when weights have changed.

        Args:
            images: uint8 or floats in 0..1, `(batch, height, width, channels)`, or a list of such
                arrays.
            verbose: as in `fit`.

        Raises:
            TypeError, ValueError: `images` not as described, or codes that are no symbols.
        """
        if not self.bottleneck.entropy_model().needs_adapting:
            return
        batches = images if isinstance(images, (list, tuple)) else [images]
        batches = [check_images(batch, self.channels) for batch in batches]
        places = sum(len(batch) * math.prod(self.code_size(*batch.shape[1:3])) for batch in batches)
        if not places:
            raise ValueError("`images` must hold at least one image. Received none.")
        share, maps = min(1.0, ADAPT_PLACES / places), []
        for batch in batches:
            chosen = np.linspace(0, len(batch) - 1, math.ceil(share * len(batch))).astype(int)
            for start in range(0, len(chosen), BATCH):
                maps += _single(self.encode(batch[chosen[start : start + BATCH]]))
        self._codec = Codec.learn(self.bottleneck, maps, seed=self.seed, verbose=verbose)

    def compress(self, images):
        """Images as bytes, by the range coder of `constriction` (`umbed_keras[codec]`).

        A stream is read by a model with the same weights and codec, on any backend: it holds
        what `encode` gives, exactly, in as many bytes as the codes are improbable, and 16 at most
        beside (see `umbed_keras.codec.stream`). Of a `GaussianBottleneck` it holds the means,
        rounded to steps whose error has the variance that the decoder has learned with, and cut,
        with a warning, where they are larger than those of `adapt_codec`'s images.

        Args:
            images: uint8 or floats in 0..1, `(batch, height, width, channels)`.

        Returns:
            List of bytes, one an image.

        Raises:
            TypeError, ValueError: `images` not as described; a model without a codec.
            ImportError: constriction is missing.
        """
        codec, images = self._checked_codec(), check_images(images, self.channels)
        fingerprint, size = self._fingerprint(codec), images.shape[1:3]
        streams = []
        for start in range(0, len(images), BATCH):
            for codes in _single(self.encode(images[start : start + BATCH])):
                streams.append(stream.pack(fingerprint, size, codec.encode(codes)))
        return streams

    def decompress(self, streams, max_pixels=1 << 26):
        """The images that bytes stand for, as `decode` gives them.

        Args:
            streams: list of bytes from `compress`, of images of one size.
            max_pixels: int, a stream that says it holds more is refused before anything is
                allocated for it.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            TypeError, ValueError: arguments not as described; a stream that is cut, altered, or
                of a model with other weights; a model without a codec.
            ImportError: constriction is missing.
        """
        check_integers(max_pixels=(1, max_pixels))
        codec = self._checked_codec()
        fingerprint = self._fingerprint(codec)
        if isinstance(streams, (bytes, bytearray)) or not len(streams):
            raise ValueError("`streams` must be a list of bytes, one or more.")
        sizes, payloads = zip(*(stream.unpack(part, fingerprint) for part in streams), strict=True)
        if len(set(sizes)) > 1:
            raise ValueError(
                "`streams` must be of images of one size; decompress others one by one. "
                f"Received: {sorted(set(sizes))}"
            )
        height, width = sizes[0]
        if height * width > max_pixels:
            raise ValueError(
                f"The stream says it holds {height} x {width} pixels, more than "
                f"max_pixels={max_pixels}."
            )
        maps = [codec.decode(payload, *self.code_size(height, width)) for payload in payloads]
        codes = {name: np.stack([part[name] for part in maps]) for name in maps[0]}
        return self._decode(codes, (height, width))

    def code_size(self, height, width):
        """Rows and columns of the codes of an image."""
        return height, width

    def _decode(self, codes, size):
        """Images `(batch, *size, channels)` from codes."""
        return self.decode(codes)

    def _checked_codec(self):
        if not self.bottleneck.entropy_model().needs_adapting:
            return Codec(self.bottleneck, {})
        if self._codec is None:
            raise ValueError(
                "The model doesn't know yet how probable its codes are: call "
                "`model.adapt_codec(images)` with images it has learned from. `save_to_preset` "
                "stores it."
            )
        return self._codec

    def _fingerprint(self, codec):
        """What tells a model from others: its first bytes of SHA-256 over weights and codec."""
        digest = hashlib.sha256(stream.FORMAT)
        update_by_weights(digest, self)
        for name, part in sorted(codec.arrays.items()):
            digest.update(name.encode() + part.tobytes())
        return digest.digest()[: stream.FINGERPRINT]


def _single(codes):
    """The codes of each image of a batch."""
    count = len(next(iter(codes.values())))
    return [{name: part[image] for name, part in codes.items()} for image in range(count)]
