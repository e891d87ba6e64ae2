"""Starting values of a model's linear path, from images."""

from typing import Any

import numpy as np
from keras import ops

from umbed_keras.images.arrays import to_float, to_host
from umbed_keras.images.batches import first_images
from umbed_keras.models.base.principal_components import latent_scale, principal_components
from umbed_keras.typing import Tensor

# Samples that `adapt` draws, from at most so many images.
ADAPT_SAMPLES = 32768
ADAPT_IMAGES = 1024


class LinearStartMixin:
    """`adapt` for a model with a linear path beside its networks.

    A model has `channels`, `seed`, `bottleneck` and the weight `adapted`. It implements
    `sample_for_start` and `set_linear_start`, and `weigh_samples` where some entries of a sample
    count more in its loss than others.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=4, latent_dim=2, filters=4, residual_blocks=0)
        >>> model.adapted_already
        False
        >>> model.adapt(np.random.default_rng(0).random((2, 8, 8, 3)))
        >>> model.adapted_already
        True
    """

    @property
    def adapted_already(self) -> bool:
        """Whether `adapt` has been called, on this model or on the one it was loaded from."""
        return bool(ops.convert_to_numpy(self.adapted))

    def adapt(self, data: Any) -> None:
        """Sets starting values from images, in the manner of `keras.layers.Normalization.adapt`.

        The linear maps of encoder and decoder become the principal components of what the model
        reconstructs. The bottleneck's codebook or dictionary starts from the latents that these
        maps give. Latents are scaled so that a squared error in them equals the squared error of
        the reconstruction, or to unit variance where the bottleneck asks for it. A frozen
        bottleneck (`trainable = False`) keeps its values.

        Args:
            data: images in any form that `fit` takes. At most 1,024 images are read.
        """
        if hasattr(data, "shape") and len(data) > ADAPT_IMAGES:
            data = to_host(data)[np.linspace(0, len(data) - 1, ADAPT_IMAGES).astype(int)]
        images = first_images(data, self.channels, ADAPT_IMAGES)
        random, count = np.random.default_rng(self.seed), -(-ADAPT_SAMPLES // len(images))
        batches = (to_float(ops.convert_to_tensor(image[None])) for image in images)
        samples = np.concatenate([self.sample_for_start(batch, count, random) for batch in batches])
        weighed, values = self.weigh_samples(samples)
        latent_dim = self.bottleneck.latent_dim
        mean, components, deviations = principal_components(weighed, latent_dim)
        scale = latent_scale(deviations, values, latent_dim, self.bottleneck.unit_variance)
        self.set_linear_start(mean, components, deviations, scale)
        coefficients = (weighed - mean) @ (components / scale)
        self.set_decoder_start(samples, coefficients)
        latents = np.tile(self.bottleneck.input_start, (len(samples), 1))
        latents[:, :latent_dim] += coefficients
        if self.bottleneck.trainable:
            self.bottleneck.adapt(latents)
        self.adapted.assign(1.0)

    def sample_for_start(
        self, images: Tensor, count: int, random: np.random.Generator
    ) -> np.ndarray:
        """Draws vectors from one image whose principal components the linear path starts at.

        Args:
            images: float32 tensor `(1, height, width, channels)` in 0..1.
            count: int, vectors to draw.
            random: generator to draw with.

        Returns:
            float32 array `(count, values)`.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `sample_for_start(images, count, random)`, "
            "which draws vectors (count, values) of one image for `adapt`."
        )

    def weigh_samples(self, samples: np.ndarray) -> tuple[np.ndarray, int]:
        """Scales the entries of samples by their weight in the loss; by default none is scaled.

        Args:
            samples: float32 array `(n, values)` from `sample_for_start`.

        Returns:
            float32 array `(n, weighed values)` in which the sum of squared errors is the loss
            times a constant, and that constant, an int.
        """
        return samples, samples.shape[1]

    def set_linear_start(
        self,
        mean: np.ndarray,
        components: np.ndarray,
        deviations: np.ndarray,
        scale: np.ndarray,
    ) -> None:
        """Sets the linear maps of encoder and decoder to principal components.

        A latent vector is `(sample - mean) @ (components / scale)`.

        Args:
            mean: float32 array `(values,)` of the weighed samples.
            components: float32 array `(values, latent_dim)` with orthonormal columns.
            deviations: float32 array `(latent_dim,)`, standard deviations along them.
            scale: float32 array `(latent_dim,)`.

        Raises:
            NotImplementedError: if the subclass does not implement it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `set_linear_start(mean, components, "
            "deviations, scale)`, which sets the linear maps of its encoder and decoder."
        )

    def set_decoder_start(self, samples: np.ndarray, latents: np.ndarray) -> None:
        """Sets what the decoder rebuilds beyond the weighed samples; by default there is nothing.

        Args:
            samples: float32 array `(n, values)` from `sample_for_start`.
            latents: float32 array `(n, latent_dim)`, what the linear path makes of them.
        """
