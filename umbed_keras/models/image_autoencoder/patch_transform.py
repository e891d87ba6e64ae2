"""The linear transform of an image's patches beside which networks learn."""

import keras
from keras import ops

from umbed_keras.backend.variables import add_state


@keras.saving.register_keras_serializable(package="umbed_keras")
class PatchTransform(keras.layers.Layer):
    """A fixed linear map from every patch of a grid to a vector, and one back.

    Zero until `set_components`, and never trained. Computes in float32.

    Args:
        latent_dim: int, size of the vectors.
        patch_size: int, side of the patches, which lie beside one another.
        channels: int, of the images.
    """

    def __init__(self, latent_dim, patch_size, channels=3, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.latent_dim = int(latent_dim)
        self.patch_size = int(patch_size)
        self.channels = int(channels)

    @property
    def values(self):
        """Numbers in a patch."""
        return self.patch_size**2 * self.channels

    def build(self, input_shape=None):
        self.mean = add_state(self, "mean", (self.values,))
        self.analysis = add_state(self, "analysis", (self.values, self.latent_dim))
        self.synthesis = add_state(self, "synthesis", (self.latent_dim, self.values))

    def set_components(self, mean, components, scale):
        """Maps patches to coefficients of orthonormal components, divided by their scale.

        Args:
            mean: `(values,)`.
            components: `(values, latent_dim)`; columns beyond `values` may be zero.
            scale: `(latent_dim,)`.
        """
        self.mean.assign(mean)
        self.analysis.assign(components / scale)
        self.synthesis.assign((components * scale).T)

    def call(self, images):
        """Maps float32 images to vectors `(batch, rows, cols, latent_dim)`.

        Args:
            images: `(batch, height, width, channels)`, sizes multiples of `patch_size`.
        """
        patches = ops.space_to_depth(images, self.patch_size, "channels_last")
        return ops.matmul(patches - self.mean, ops.convert_to_tensor(self.analysis))

    def invert(self, vectors):
        """Maps float32 vectors to images: undoes `call` where components span the patches."""
        patches = ops.matmul(vectors, ops.convert_to_tensor(self.synthesis)) + self.mean
        return ops.depth_to_space(patches, self.patch_size, "channels_last")

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        sizes = [None if size is None else size // self.patch_size for size in (height, width)]
        return (batch, *sizes, self.latent_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "patch_size": self.patch_size,
            "channels": self.channels,
        }
