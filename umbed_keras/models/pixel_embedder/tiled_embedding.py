"""Vectors and codes of images of any size, computed tile by tile."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.images.arrays import check_images
from umbed_keras.images.stored_image import StoredImage
from umbed_keras.images.tiled_map import largest_tile, output_array, tiled_map
from umbed_keras.images.tiles import tile_views
from umbed_keras.models.pixel_embedder.guided_features import (
    BLUR_RADIUS,
    GUIDED_FLOATS,
    GUIDED_REACH,
)
from umbed_keras.ops.checks import check_integers
from umbed_keras.ops.patch_pyramid import pyramid_radius
from umbed_keras.typing import ArrayLike, Tensor

# Bytes that embedding needs whatever the tile: a compiler's, and a chunk of a sparse coder.
WORKING_BYTES = 192 << 20


class TiledEmbeddingMixin:
    """Computes the vectors or codes of images, large ones tile by tile.

    A tile is computed together with the pixels around it on which its vectors depend, so that the
    result is that of the whole image.

    Examples:
        >>> model = uk.PixelEmbedder(latent_dim=4, patch_size=4, pyramid_levels=1, widths=(4, 4))
        >>> model.stride, model.radius
        (4, 16)
        >>> image = np.random.default_rng(0).random((10, 12, 3))
        >>> model.embed_large(image, verbose=0).shape
        (10, 12, 4)
        >>> model.embed_window(image, slice(4, 10), slice(0, 8)).shape
        (6, 8, 4)
    """

    @property
    def stride(self) -> int:
        """Pixels; tiles start at multiples of it."""
        return math.lcm(self._coarsest, self.backbone.alignment if self.backbone else 1)

    @property
    def _coarsest(self) -> int:
        """Pixels; the inputs of U-Net and backbone are padded to multiples of it."""
        strides = [self.unet.stride] if self.unet else []
        return math.lcm(*strides, *(self.backbone.strides if self.backbone else ()))

    @property
    def radius(self) -> int | None:
        """Distance in pixels to the farthest pixel that U-Net or backbone see, or None.

        It is rounded up to a multiple of `stride`. The patch pyramid may reach farther. None means
        that the backbone may see the whole image.
        """
        reach = self.unet.radius if self.unet else 0
        if self.backbone:
            if self.backbone.reach is None:
                return None
            # Bilinear enlargement reads neighbouring positions, too.
            reach_of_features = self.backbone.reach + 2 * self.backbone.strides[-1]
            if self.guided_features:
                reach_of_features = GUIDED_REACH + max(reach_of_features, BLUR_RADIUS)
            reach = max(reach, reach_of_features)
        return -(-reach // self.stride) * self.stride

    def largest_tile(self, memory_budget: int) -> int:
        """Computes the side of the largest tile that can be embedded within a memory budget.

        Args:
            memory_budget: int, bytes, beyond the model itself.

        Returns:
            int, in pixels, a multiple of `stride`.

        Raises:
            TypeError: if `memory_budget` is not an integer.
            ValueError: if the budget is too small for any tile.
        """
        # Floats that live at once for each pixel, measured (most of them on JAX): vectors of the
        # linear path and the U-Net and their sum, images, features at half the resolution.
        floats = 4 * self.latent_dim + self.bottleneck.input_dim
        floats += 6 * self.channels + (max(self.widths) // 2 if self.unet else 0)
        if self.backbone:
            floats += 2 * self.latent_dim + self.backbone.floats_per_pixel
            if self.guided_features:
                floats += 4 * self.latent_dim + GUIDED_FLOATS
        return largest_tile(memory_budget, 4 * floats, WORKING_BYTES, self._halo, self.stride)

    def embed(self, images: ArrayLike, quantized: bool = True, tile_size: int = 512) -> np.ndarray:
        """Computes the vector of every pixel.

        Args:
            images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats
                in 0..1.
            quantized: bool. True returns the vectors that the decoder receives, False the
                continuous latents before the bottleneck. With the Gaussian bottleneck both are
                the mean.
            tile_size: int, side in pixels of the tiles in which larger images are embedded. It
                does not change the result, unless the backbone's `reach` is None.

        Returns:
            NumPy float32 array `(batch, height, width, latent_dim)`.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `tile_size` is smaller than `stride`.
        """
        return self._map_tiles(self._embedding(quantized), images, tile_size)

    def encode(self, images: ArrayLike, tile_size: int = 512) -> dict[str, np.ndarray]:
        """Computes the codes of every pixel.

        Args:
            images: array or tensor `(batch, height, width, channels)`, uint8 (0..255) or floats
                in 0..1.
            tile_size: int, side in pixels of the tiles in which larger images are encoded.

        Returns:
            Dictionary of NumPy arrays `(batch, height, width, ...)`. The bottleneck determines
            the keys: `indices`, `coefficients`, or `mean` and `log_variance`.

        Raises:
            TypeError: if `images` are neither uint8 nor floats.
            ValueError: if `images` have another shape, or values outside 0..1.
            ValueError: if `tile_size` is smaller than `stride`.
        """
        return self._map_tiles(self._codes, images, tile_size)

    def embed_large(
        self,
        image: ArrayLike,
        out: Any = None,
        memory_budget: int = 1 << 30,
        quantized: bool = True,
        verbose: int = 1,
    ) -> Any:
        """Computes the vector of every pixel of one image that may be larger than memory.

        The result is that of `embed`. Tiles are as large as the memory budget allows: the larger
        they are, the less is computed twice where their surroundings overlap. It warns where a
        backbone's `reach` is None and there are several tiles, because then the result depends on
        them.

        Args:
            image: `(height, width, channels)`, uint8 (0..255) or floats in 0..1: NumPy array,
                memory map, Zarr array or anything else with `shape`, `dtype` and slicing.
            out: float32 array `(height, width, latent_dim)` to write to, of any of these kinds,
                such as `numpy.lib.format.open_memmap(path, "w+", "float32", shape)`. None
                allocates a NumPy array.
            memory_budget: int, bytes to work with, beyond the model, `image` and `out`.
            quantized: bool, as in `embed`.
            verbose: int, 1 shows a progress bar, 0 shows nothing.

        Returns:
            `out`, or the new NumPy array.

        Raises:
            TypeError: if `image` is no array, or neither uint8 nor floats.
            TypeError: if `memory_budget` is not an integer.
            ValueError: if `image` has another shape, or values outside 0..1.
            ValueError: if `out` has another shape or dtype.
            ValueError: if `memory_budget` is too small for any tile.
        """
        source = StoredImage(image, self.channels)
        size = source.shape[1:3]
        out = output_array(out, (*size, self.latent_dim), "float32")
        tile_size = self.largest_tile(memory_budget)
        if self.radius is None and max(size) > tile_size:
            warnings.warn(
                f"The backbone {self.backbone.name!r} ({type(self.backbone).__name__}) may look at "
                "the whole image (its `reach` is None): its tiles are not what the whole would "
                "give.",
                stacklevel=2,
            )
        run = self._on_windows(self._embedding(quantized), source)
        return tiled_map(
            lambda rows, cols: run(slice(0, 1), rows, cols)[0],
            size,
            (tile_size, tile_size),
            out,
            verbose=verbose,
        )

    def embed_window(
        self, image: ArrayLike, rows: slice, cols: slice, codes: bool = False
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Computes the vectors or codes of a window of an image that may be larger than memory.

        The pixels around the window are read too, so that the result is that of `embed` there
        (unless the backbone's `reach` is None). The window is computed at once.

        Args:
            image: `(height, width, channels)`, uint8 (0..255) or floats in 0..1: NumPy array,
                memory map, Zarr array or anything else with `shape`, `dtype` and slicing.
            rows: slice of rows that starts at a multiple of `stride`.
            cols: slice of columns that starts at a multiple of `stride`.
            codes: bool, True returns the codes, as `encode` does.

        Returns:
            NumPy float32 array `(rows, cols, latent_dim)`; with `codes` a dictionary of NumPy
            arrays `(rows, cols, ...)`.

        Raises:
            TypeError: if `image` is no array, or neither uint8 nor floats.
            ValueError: if `image` has another shape, or values outside 0..1.
            ValueError: if `rows` or `cols` are empty, leave the image, start elsewhere or have
                a step.
        """
        source = StoredImage(image, self.channels)
        for name, side, size in zip(("rows", "cols"), (rows, cols), source.shape[1:3], strict=True):
            inside = None not in (side.start, side.stop) and 0 <= side.start < side.stop <= size
            inside = inside and side.step in (None, 1)
            if not inside or side.start % self.stride:
                raise ValueError(
                    f"`{name}` must be a slice within 0..{size} that begins at a multiple of "
                    f"{self.stride}. Received: {side}"
                )
        method = self._codes if codes else self._embedding(quantized=True)
        outputs = self._on_windows(method, source)(slice(0, 1), rows, cols)
        return keras.tree.map_structure(lambda part: part[0], outputs)

    def _map_tiles(self, method, images: ArrayLike, tile_size: int):
        """Runs a method over tiles of images in memory and puts its outputs together."""
        images = check_images(images, self.channels)
        stride = self.stride
        check_integers(tile_size=(stride, tile_size))
        if not len(images):
            # Not every backend convolves an empty batch. One image shows the outputs' shapes.
            one = self._map_tiles(method, np.zeros((1, *images.shape[1:]), "uint8"), tile_size)
            return keras.tree.map_structure(lambda part: part[:0], one)
        tile_size -= tile_size % stride
        # As many small images at once as have the pixels of a tile.
        together = max(1, tile_size**2 // math.prod(images.shape[1:3]))
        return tiled_map(
            self._on_windows(method, images), images.shape[:3], (together, tile_size, tile_size)
        )

    def _on_windows(self, method, images: np.ndarray | StoredImage) -> Callable[..., Any]:
        """Returns the function of slices of batch, rows and columns that runs a method there.

        Args:
            method: bound method that takes a tile as `_latents` does.
            images: `(batch, height, width, channels)`.
        """
        compiled = self._compiled(method)

        def run(*window):
            inputs = tile_views(
                images, window, self._coarsest, self._halo, self._pyramid_radius, self.stride
            )
            return keras.tree.map_structure(ops.convert_to_numpy, compiled(*inputs))

        return run

    @property
    def _halo(self) -> int:
        """How far the view of a tile reaches beyond it, in pixels, a multiple of `stride`."""
        if self.radius is None:
            reach = self.unet.radius if self.unet else 0
            return -(-reach // self.stride) * self.stride
        return self.radius

    @property
    def _pyramid_radius(self) -> int:
        return pyramid_radius(self.patch_size, self.pyramid_levels)

    # Compiled on tiles, which they take as `_latents` does.

    def _embedding(self, quantized: bool):
        """Returns the method that computes the vectors of a tile."""
        changes = quantized and not self.bottleneck.keeps_vectors
        return self._quantized if changes else self._continuous

    def _continuous(self, *tile: Any) -> Tensor:
        return self._latents(*tile, units=self.latent_dim)

    def _quantized(self, *tile: Any) -> Tensor:
        return ops.cast(self.bottleneck(self._latents(*tile))["latents"], "float32")

    def _codes(self, *tile: Any) -> dict[str, Tensor]:
        return self.bottleneck.encode(self._latents(*tile))
