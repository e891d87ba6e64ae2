"""The linear transform of image patches, to which an autoencoder adds networks."""

from typing import Any

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.variables import add_state
from umbed_keras.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class PatchTransform(keras.layers.Layer):
    """Fixed linear map from image patches that do not overlap to vectors, and its inverse.

    Both maps are zero before `set_components` is called, and are never trained. They are computed
    in float32.

    Args:
        latent_dim: int, size of the vectors.
        patch_size: int, side of the patches in pixels.
        channels: int, channels of the images.
        **kwargs: arguments of `keras.layers.Layer`.

    Examples:
        >>> transform = uk.layers.PatchTransform(latent_dim=4, patch_size=2, channels=1)
        >>> images = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
        >>> _ = transform(images)
        >>> transform.set_components(np.zeros(4), np.eye(4), scale=np.ones(4))
        >>> keras.ops.convert_to_numpy(transform(images))[0, 0, 0].tolist()
        [0.0, 1.0, 4.0, 5.0]
        >>> bool(np.all(keras.ops.convert_to_numpy(transform.invert(transform(images))) == images))
        True
    """

    def __init__(self, latent_dim: int, patch_size: int, channels: int = 3, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.latent_dim = int(latent_dim)
        self.patch_size = int(patch_size)
        self.channels = int(channels)

    @property
    def values(self) -> int:
        """Numbers in a patch."""
        return self.patch_size**2 * self.channels

    def build(self, input_shape: Shape | None = None) -> None:
        """Creates the maps, zero."""
        self.mean = add_state(self, "mean", (self.values,))
        self.analysis = add_state(self, "analysis", (self.values, self.latent_dim))
        self.synthesis = add_state(self, "synthesis", (self.latent_dim, self.values))

    def set_components(self, mean: np.ndarray, components: np.ndarray, scale: np.ndarray) -> None:
        """Sets the maps to orthonormal components, whose coefficients are divided by a scale.

        Args:
            mean: floating array `(values,)`, subtracted from patches.
            components: floating array `(values, latent_dim)` with orthonormal columns. Columns
                beyond the number of `values` may be zero.
            scale: floating array `(latent_dim,)`.
        """
        self.mean.assign(mean)
        self.analysis.assign(components / scale)
        self.synthesis.assign((components * scale).T)

    def call(self, images: Tensor) -> Tensor:
        """Maps images to vectors.

        Args:
            images: float32 tensor `(batch, height, width, channels)` with sizes that are multiples
                of `patch_size`.

        Returns:
            float32 tensor `(batch, height / patch_size, width / patch_size, latent_dim)`.
        """
        patches = ops.space_to_depth(images, self.patch_size, "channels_last")
        return ops.matmul(patches - self.mean, ops.convert_to_tensor(self.analysis))

    def invert(self, vectors: Tensor) -> Tensor:
        """Maps vectors to images. It is the inverse of `call` if the components span the patches.

        Args:
            vectors: float32 tensor `(batch, rows, cols, latent_dim)`.

        Returns:
            float32 tensor `(batch, patch_size * rows, patch_size * cols, channels)`.
        """
        patches = ops.matmul(vectors, ops.convert_to_tensor(self.synthesis)) + self.mean
        return ops.depth_to_space(patches, self.patch_size, "channels_last")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Returns the shape of the vectors of images of shape `input_shape`."""
        batch, height, width, _ = input_shape
        sizes = [None if size is None else size // self.patch_size for size in (height, width)]
        return (batch, *sizes, self.latent_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "patch_size": self.patch_size,
            "channels": self.channels,
        }
