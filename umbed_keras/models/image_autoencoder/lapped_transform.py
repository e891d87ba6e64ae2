"""The lapped linear transform of images."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import as_float32, convolution
from umbed_keras.ops.checks import check_integers
from umbed_keras.typing import Shape, Tensor

# Kernels are stored multiplied by this factor. Their entries then have about the size of other
# layers' weights, so that one learning rate suits all.
KERNEL_SCALE = 10.0


@keras.saving.register_keras_serializable(package="umbed_keras")
class LappedTransform(keras.layers.Layer):
    """Trainable linear map from overlapping windows of images to vectors, and its inverse.

    Windows have `2 * stride` pixels along each axis and are `stride` pixels apart. Beyond the
    borders the image is mirrored, with its edge repeated.

    Both maps are zero before `set_components` is called, which sets them to an orthogonal lapped
    transform: a filter across the edges of blocks (`prefilter`), then a linear transform of each
    block (Malvar & Staelin 1989; in this form Tran, Liang & Tu 2003). Training changes each of the
    two maps independently. They are computed in float32 under any dtype policy.

    Args:
        latent_dim: int, size of the vectors.
        stride: int, even, pixels between windows.
        channels: int, channels of the images.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if an argument is not an integer or out of range, or `stride` is odd.

    Examples:
        >>> transform = uk.layers.LappedTransform(latent_dim=4, stride=2, channels=1)
        >>> images = np.random.default_rng(0).random((1, 4, 6, 1), dtype="float32")
        >>> tuple(transform(images).shape)
        (1, 2, 3, 4)
        >>> transform.set_components(np.zeros(4), np.eye(4), scale=np.ones(4))
        >>> inverse = keras.ops.convert_to_numpy(transform.invert(transform(images)))
        >>> bool(np.allclose(inverse, images, atol=1e-5))
        True
    """

    def __init__(self, latent_dim: int, stride: int = 8, channels: int = 3, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        check_integers(latent_dim=(1, latent_dim), stride=(2, stride), channels=(1, channels))
        if stride % 2:
            raise ValueError(f"`stride` must be even. Received: {stride}")
        self.latent_dim = int(latent_dim)
        self.stride = int(stride)
        self.channels = int(channels)

    @property
    def values(self) -> int:
        """Numbers in a block of `stride` x `stride` pixels."""
        return self.stride**2 * self.channels

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the maps, zero."""

        def zeros(name, *shape):
            return self.add_weight(name=name, shape=shape, initializer="zeros", autocast=False)

        # A window has 2 x 2 blocks, each in the order of `space_to_depth`.
        self.analysis = zeros("analysis", 2, 2, self.values, self.latent_dim)
        self.synthesis = zeros("synthesis", 2, 2, self.latent_dim, self.values)
        self.colour = zeros("colour", self.channels)
        self.offset = zeros("offset", self.latent_dim)
        self.centre = zeros("centre", self.latent_dim)

    def set_components(self, mean: np.ndarray, components: np.ndarray, scale: np.ndarray) -> None:
        """Sets the maps to orthonormal components of prefiltered blocks.

        Coefficients of the components are divided by a scale.

        Args:
            mean: floating array `(values,)`, mean of the blocks that `prefilter` gives.
            components: floating array `(values, latent_dim)` with orthonormal columns. Columns
                beyond the number of `values` may be zero.
            scale: floating array `(latent_dim,)`.
        """
        side, channels = self.stride, self.channels
        window = _window_filter(side)
        blocks = np.reshape(components, (side, side, channels, self.latent_dim))
        kernel = np.einsum("ru,sv,rsck->uvck", window, window, blocks)
        kernel = kernel.reshape(2, side, 2, side, channels, self.latent_dim).swapaxes(1, 2)
        kernel = kernel.reshape(2, 2, self.values, self.latent_dim)
        self.analysis.assign(KERNEL_SCALE * kernel / scale)
        # A block is the second of the window before it and the first of its own.
        self.synthesis.assign(KERNEL_SCALE * (kernel * scale)[::-1, ::-1].swapaxes(2, 3))
        # The filter does not change a constant image.
        colour = np.reshape(mean, (-1, channels)).mean(axis=0)
        self.colour.assign(colour)
        centre = (mean - np.tile(colour, side**2)) @ components / scale
        self.offset.assign(-centre)
        self.centre.assign(centre)

    def call(self, images: Tensor) -> Tensor:
        """Maps images to vectors.

        Args:
            images: float32 tensor `(batch, height, width, channels)` with sizes that are multiples
                of `stride`.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, latent_dim)`.
        """
        padded = _mirror(images - as_float32(self.colour), self.stride // 2)
        blocks = ops.space_to_depth(padded, self.stride, "channels_last")
        return convolution(blocks, as_float32(self.analysis) / KERNEL_SCALE) + as_float32(
            self.offset
        )

    def invert(self, vectors: Tensor) -> Tensor:
        """Maps vectors to images.

        After `set_components` it is the inverse of `call` if the components span the blocks.
        Training does not keep that.

        Args:
            vectors: float32 tensor `(batch, rows, cols, latent_dim)`.

        Returns:
            float32 tensor `(batch, stride * rows, stride * cols, channels)`.
        """
        padded = ops.pad(vectors + as_float32(self.centre), ((0, 0), (1, 1), (1, 1), (0, 0)))
        blocks = convolution(padded, as_float32(self.synthesis) / KERNEL_SCALE)
        images = ops.depth_to_space(blocks, self.stride, "channels_last")
        return _fold(images, self.stride // 2) + as_float32(self.colour)

    def prefilter(self, images: Tensor) -> Tensor:
        """Filters images across the edges of blocks and cuts them into blocks.

        Args:
            images: float32 tensor `(batch, height, width, channels)` with sizes that are multiples
                of `stride`.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, values)`.
        """
        window = ops.convert_to_tensor(_window_filter(self.stride).astype("float32"))
        filtered = _mirror(images, self.stride // 2)
        for axis in (1, 2):
            filtered = ops.moveaxis(_filter(ops.moveaxis(filtered, axis, 1), window), 1, axis)
        return ops.space_to_depth(filtered, self.stride, "channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the vectors of images of shape `input_shape`."""
        batch, height, width, _ = input_shape
        sizes = [None if size is None else size // self.stride for size in (height, width)]
        return (batch, *sizes, self.latent_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "stride": self.stride,
            "channels": self.channels,
        }


def _window_filter(side: int) -> np.ndarray:
    """Returns the filter across edges, float64 `(side, 2 * side)`: from a window to its centre.

    It combines the `side` samples around each edge between blocks, half of them on either side.
    Sums of mirrored samples stay, and their differences are rotated by the matrix of the lapped
    orthogonal transform. Blocks thereby pass smoothly into their neighbours.
    """
    half = side // 2
    flip, eye, zero = np.eye(half)[::-1], np.eye(half), np.zeros((half, half))
    turn = flip @ _cosines(half, 0.0).T @ _cosines(half, 0.5) @ flip
    butterfly = np.block([[eye, flip], [flip, -eye]]) / math.sqrt(2)
    across = butterfly @ np.block([[eye, zero], [zero, turn]]) @ butterfly
    window = np.zeros((side, 2 * side))
    window[:half, :side] = across[half:]
    window[half:, side:] = across[:half]
    return window


def _cosines(size: int, shift: float) -> np.ndarray:
    """Returns the orthonormal discrete cosine transform of type II (`shift` 0) or IV (0.5)."""
    rows, cols = np.arange(size)[:, None] + shift, np.arange(size)[None] + 0.5
    matrix = math.sqrt(2 / size) * np.cos(math.pi * rows * cols / size)
    if not shift:
        matrix[0] /= math.sqrt(2)
    return matrix


def _mirror(images: Tensor, margin: int) -> Tensor:
    """Returns images with a margin on each side in which they are mirrored, the edge repeated."""
    for axis in (1, 2):
        images = ops.moveaxis(images, axis, 1)
        parts = [ops.flip(images[:, :margin], 1), images, ops.flip(images[:, -margin:], 1)]
        images = ops.moveaxis(ops.concatenate(parts, axis=1), 1, axis)
    return images


def _fold(images: Tensor, margin: int) -> Tensor:
    """Adds the values of the margin to the pixels that they mirror: the transpose of `_mirror`."""
    for axis in (1, 2):
        images = ops.moveaxis(images, axis, 1)
        inside = images[:, margin:-margin]
        first = inside[:, :margin] + ops.flip(images[:, :margin], 1)
        last = inside[:, -margin:] + ops.flip(images[:, -margin:], 1)
        parts = [first, inside[:, margin:-margin], last]
        images = ops.moveaxis(ops.concatenate(parts, axis=1), 1, axis)
    return images


def _filter(images: Tensor, window: Tensor) -> Tensor:
    """Applies a filter to the windows of axis 1; `images` have a margin of half a block."""
    side = window.shape[0]
    shape = ops.shape(images)
    blocks = ops.reshape(images, (shape[0], shape[1] // side, side, *shape[2:]))
    windows = ops.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2)
    filtered = ops.einsum("ru,bnuxc->bnrxc", window, windows)
    return ops.reshape(filtered, (shape[0], shape[1] - side, *shape[2:]))
