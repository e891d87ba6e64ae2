"""The lapped linear transform of images beside which networks learn."""

import math

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.affine import as_float32, convolution
from umbed_keras.ops.checks import check_integers

# Kernels are kept this many times as large as they are used: their entries are then of about the
# size of other layers', which one rate of learning suits.
KERNEL_SCALE = 10.0


@keras.saving.register_keras_serializable(package="umbed_keras")
class LappedTransform(keras.layers.Layer):
    """A learned linear map from overlapping windows of images to vectors, and one back.

    Windows of `2 stride` pixels lie `stride` apart; beyond the borders the image is mirrored, its
    edge repeated. `set_components` starts both ways as an orthogonal lapped transform:
    butterflies across the edges of blocks, `prefilter`, then a transform of each block (Malvar &
    Staelin 1989; in this form Tran, Liang & Tu 2003). From there they are trained, each by itself.
    Zero until then. Computes in float32, whatever the policy.

    Args:
        latent_dim: int, size of the vectors.
        stride: int, even, pixels from window to window.
        channels: int, of the images.
    """

    def __init__(self, latent_dim, stride=8, channels=3, **kwargs):
        super().__init__(autocast=False, **kwargs)
        check_integers(latent_dim=(1, latent_dim), stride=(2, stride), channels=(1, channels))
        if stride % 2:
            raise ValueError(f"`stride` must be even. Received: {stride}")
        self.latent_dim = int(latent_dim)
        self.stride = int(stride)
        self.channels = int(channels)

    @property
    def values(self):
        """Numbers in a block of `stride` x `stride` pixels."""
        return self.stride**2 * self.channels

    def build(self, input_shape=None):
        def zeros(name, *shape):
            return self.add_weight(name=name, shape=shape, initializer="zeros", autocast=False)

        # A window is 2x2 blocks, each in the order of `space_to_depth`.
        self.analysis = zeros("analysis", 2, 2, self.values, self.latent_dim)
        self.synthesis = zeros("synthesis", 2, 2, self.latent_dim, self.values)
        self.colour = zeros("colour", self.channels)
        self.offset = zeros("offset", self.latent_dim)
        self.centre = zeros("centre", self.latent_dim)

    def set_components(self, mean, components, scale):
        """Maps prefiltered blocks to coefficients of orthonormal components over their scale.

        Args:
            mean: `(values,)`, of prefiltered blocks.
            components: `(values, latent_dim)`; columns beyond `values` may be zero.
            scale: `(latent_dim,)`.
        """
        side, channels = self.stride, self.channels
        window = window_filter(side)
        blocks = np.reshape(components, (side, side, channels, self.latent_dim))
        kernel = np.einsum("ru,sv,rsck->uvck", window, window, blocks)
        kernel = kernel.reshape(2, side, 2, side, channels, self.latent_dim).swapaxes(1, 2)
        kernel = kernel.reshape(2, 2, self.values, self.latent_dim)
        self.analysis.assign(KERNEL_SCALE * kernel / scale)
        # A block lies second in the window before it, and first in its own.
        self.synthesis.assign(KERNEL_SCALE * (kernel * scale)[::-1, ::-1].swapaxes(2, 3))
        # The butterflies leave a constant as it is.
        colour = np.reshape(mean, (-1, channels)).mean(axis=0)
        self.colour.assign(colour)
        centre = (mean - np.tile(colour, side**2)) @ components / scale
        self.offset.assign(-centre)
        self.centre.assign(centre)

    def call(self, images):
        """Maps float32 images to vectors `(batch, rows, cols, latent_dim)`.

        Args:
            images: `(batch, height, width, channels)`, sizes multiples of `stride`.
        """
        padded = mirror(images - as_float32(self.colour), self.stride // 2)
        blocks = ops.space_to_depth(padded, self.stride, "channels_last")
        return convolution(blocks, as_float32(self.analysis) / KERNEL_SCALE) + as_float32(
            self.offset
        )

    def invert(self, vectors):
        """Maps float32 vectors to images: undoes `call` at first, where components span blocks."""
        padded = ops.pad(vectors + as_float32(self.centre), ((0, 0), (1, 1), (1, 1), (0, 0)))
        blocks = convolution(padded, as_float32(self.synthesis) / KERNEL_SCALE)
        images = ops.depth_to_space(blocks, self.stride, "channels_last")
        return fold(images, self.stride // 2) + as_float32(self.colour)

    def prefilter(self, images):
        """Blocks `(batch, rows, cols, values)` of float32 images after the butterflies."""
        window = ops.convert_to_tensor(window_filter(self.stride).astype("float32"))
        filtered = mirror(images, self.stride // 2)
        for axis in (1, 2):
            filtered = ops.moveaxis(_filter(ops.moveaxis(filtered, axis, 1), window), 1, axis)
        return ops.space_to_depth(filtered, self.stride, "channels_last")

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        sizes = [None if size is None else size // self.stride for size in (height, width)]
        return (batch, *sizes, self.latent_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "stride": self.stride,
            "channels": self.channels,
        }


def window_filter(side):
    """The butterflies: float64 `(side, 2 side)`, from a window to its block in the middle.

    Across each edge between blocks lie `side` samples, half of them on either side. Their sums
    stay, their differences are turned by the matrix of the lapped orthogonal transform, so that
    what a block has at its edge goes over smoothly into its neighbour.
    """
    half = side // 2
    flip, eye, zero = np.eye(half)[::-1], np.eye(half), np.zeros((half, half))
    turn = flip @ cosines(half, 0.0).T @ cosines(half, 0.5) @ flip
    butterfly = np.block([[eye, flip], [flip, -eye]]) / math.sqrt(2)
    across = butterfly @ np.block([[eye, zero], [zero, turn]]) @ butterfly
    window = np.zeros((side, 2 * side))
    window[:half, :side] = across[half:]
    window[half:, side:] = across[:half]
    return window


def cosines(size, shift):
    """The orthonormal discrete cosine transform of type II (`shift` 0) or IV (0.5)."""
    rows, cols = np.arange(size)[:, None] + shift, np.arange(size)[None] + 0.5
    matrix = math.sqrt(2 / size) * np.cos(math.pi * rows * cols / size)
    if not shift:
        matrix[0] /= math.sqrt(2)
    return matrix


def mirror(images, margin):
    """Images with a margin on each side in which they are mirrored, the edge repeated."""
    for axis in (1, 2):
        images = ops.moveaxis(images, axis, 1)
        parts = [ops.flip(images[:, :margin], 1), images, ops.flip(images[:, -margin:], 1)]
        images = ops.moveaxis(ops.concatenate(parts, axis=1), 1, axis)
    return images


def fold(images, margin):
    """Adds what lies in the margin to what it mirrors: the transpose of `mirror`."""
    for axis in (1, 2):
        images = ops.moveaxis(images, axis, 1)
        inside = images[:, margin:-margin]
        first = inside[:, :margin] + ops.flip(images[:, :margin], 1)
        last = inside[:, -margin:] + ops.flip(images[:, -margin:], 1)
        parts = [first, inside[:, margin:-margin], last]
        images = ops.moveaxis(ops.concatenate(parts, axis=1), 1, axis)
    return images


def _filter(images, window):
    """Blocks of axis 1 from windows of it; `images` have a margin of half a block."""
    side = window.shape[0]
    shape = ops.shape(images)
    blocks = ops.reshape(images, (shape[0], shape[1] // side, side, *shape[2:]))
    windows = ops.concatenate([blocks[:, :-1], blocks[:, 1:]], axis=2)
    filtered = ops.einsum("ru,bnuxc->bnrxc", window, windows)
    return ops.reshape(filtered, (shape[0], shape[1] - side, *shape[2:]))
