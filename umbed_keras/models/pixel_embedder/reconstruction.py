"""Images and patches from a pixel embedder's vectors."""

import numpy as np
from keras import ops

from umbed_keras.images.arrays import check_images, to_host
from umbed_keras.models.base.codes_check import check_codes
from umbed_keras.models.pixel_embedder.overlapping_patches import average_in_blocks
from umbed_keras.ops.overlap_add import overlap_sum
from umbed_keras.typing import ArrayLike, Codes, Tensor

# Latent vectors that are decoded at once, so that their patches stay in cache.
DECODE_CHUNK = 4096


class ReconstructionMixin:
    """Decodes the vectors or codes of a pixel embedder.

    Examples:
        >>> model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=2)
        >>> image = np.random.default_rng(0).random((1, 8, 9, 3))
        >>> model.reconstruct(image).shape
        (1, 8, 9, 3)
        >>> model.reconstruct_patches(image, rows=[[0, 7]], cols=[[3, 3]]).shape
        (1, 2, 2, 4, 4, 3)
    """

    def decode(self, codes: Codes) -> np.ndarray:
        """Decodes codes to images.

        Every pixel decodes to a patch; an image is the mean of the overlapping patches of the
        finest level.

        Args:
            codes: dictionary of arrays, as `encode` returns it. Indices are integers in 0..K-1;
                all other numbers are finite.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            ValueError: if `codes` lacks a key or has another.
            ValueError: if an array has another shape or kind of numbers than `encode` returns.
            ValueError: if an index is out of range or a number is not finite.
        """
        return self._decoded(self._sum_of_codes, check_codes(codes, self.bottleneck))

    def reconstruct(self, images: ArrayLike, tile_size: int = 512) -> np.ndarray:
        """Encodes and decodes images.

        Args:
            images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats
                in 0..1.
            tile_size: int, side in pixels of the tiles in which larger images are embedded.

        Returns:
            NumPy float32 array `(batch, height, width, channels)` in 0..1.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `tile_size` is smaller than `stride`.
        """
        return self._decoded(self._sum_of_latents, self.embed(images, tile_size=tile_size))

    def reconstruct_patches(
        self, images: ArrayLike, rows: ArrayLike, cols: ArrayLike
    ) -> np.ndarray:
        """Encodes images and decodes the patch pyramids of chosen pixels.

        Args:
            images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats
                in 0..1.
            rows: integers `(batch, pixels)`, rows of the chosen pixels of each image.
            cols: integers `(batch, pixels)`, columns of the chosen pixels.

        Returns:
            NumPy float32 array `(batch, pixels, levels, patch_size, patch_size, channels)` in
            0..1.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `rows` and `cols` are not integers of one shape `(batch, pixels)`.
            ValueError: if a pixel lies outside the images.
        """
        images = check_images(images, self.channels)
        rows, cols = (
            _check_positions(name, positions, len(images), size)
            for name, positions, size in zip(
                ("rows", "cols"), (rows, cols), images.shape[1:3], strict=True
            )
        )
        if rows.shape != cols.shape:
            raise ValueError(
                f"`rows` and `cols` must have one shape. Received: {rows.shape} and {cols.shape}"
            )
        vectors = self.embed(images)
        chosen = vectors[np.arange(len(images))[:, None], rows, cols]
        flat = chosen.reshape(-1, self.latent_dim)
        decode = self._compiled(self._clipped_patches)
        patches = np.empty((len(flat), *self.decoder.patch_shape), "float32")
        for start in range(0, len(flat), DECODE_CHUNK):
            part = slice(start, start + DECODE_CHUNK)
            patches[part] = ops.convert_to_numpy(decode(flat[part]))
        return patches.reshape(*rows.shape, *self.decoder.patch_shape)

    def _decoded(self, sum_patches, source: np.ndarray | Codes) -> np.ndarray:
        """Returns images from vectors or codes of all pixels and the method that decodes these."""
        return average_in_blocks(
            self._compiled(sum_patches), source, self.patch_size, self.channels, DECODE_CHUNK
        )

    # Compiled on chunks of vectors and blocks of pixels.

    def _clipped_patches(self, latents: Tensor) -> Tensor:
        return ops.clip(ops.cast(self.decoder(latents), "float32"), 0.0, 1.0)

    def _sum_of_latents(self, latents: Tensor) -> Tensor:
        patches = self.decoder.finest(latents)
        return overlap_sum(ops.clip(ops.cast(patches, "float32"), 0.0, 1.0))

    def _sum_of_codes(self, codes: Codes) -> Tensor:
        return self._sum_of_latents(self.bottleneck.decode(codes))


def _check_positions(name, positions, batch, size):
    """Returns rows or columns of pixels as int64 on the host."""
    positions = to_host(positions)
    if positions.ndim != 2 or len(positions) != batch or positions.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must be integers of shape (batch, pixels) with batch {batch}. "
            f"Received: shape={positions.shape}, dtype={positions.dtype}"
        )
    if positions.size and not 0 <= positions.min() <= positions.max() < size:
        raise ValueError(
            f"`{name}` must lie in 0..{size - 1}. "
            f"Received values from {positions.min()} to {positions.max()}"
        )
    return positions.astype("int64")
