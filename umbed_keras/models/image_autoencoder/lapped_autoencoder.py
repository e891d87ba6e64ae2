"""The autoencoder that is trained for rate and distortion."""

from typing import ClassVar

import keras
from keras import ops

from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.models.image_autoencoder.image_autoencoder import ImageAutoencoder
from umbed_keras.models.image_autoencoder.lapped_transform import LappedTransform
from umbed_keras.models.image_autoencoder.post_filter import PostFilter
from umbed_keras.ops.checks import check_at_least, check_integers


@keras.saving.register_keras_serializable(package="umbed_keras")
class LappedAutoencoder(ImageAutoencoder):
    """An image codec that is learned: distortion plus `rate_weight` times the bits per pixel.

    Nonlinear transform coding (Balle et al. 2020) that starts at linear: a lapped transform, which
    `adapt` sets to principal components and training then improves; integers, whose cost a small
    network predicts from their neighbours; and back by the transform's other half and a network
    that mends what it leaves. Latents are nothing but that linear map, so encoding is quick.

    Images are as in `ImageAutoencoder`.

    Args:
        rate_weight: float above 0, mean squared error (on values in 0..1) that a bit per pixel is
            worth: about 5e-4 gives 1 bit per pixel of photographs of 128x128.
        latent_dim: int, integers for each square of `stride` pixels.
        filters, residual_blocks: ints, of the `PostFilter`.
        context_units: int, width of the networks that predict; 0 for a density of each integer
            that depends on no other.
        downsamplings: int, logarithm to base 2 of the stride, at least 2.
        seed: int, of noise and the order of the data.
        **kwargs: `channels`, `mse_weight`, `l1_weight`, `edge_weight` and `lpips_weight` of
            `ImageAutoencoder`.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("latent_dim",)
    preset_limits: ClassVar = {
        **ImageAutoencoder.preset_limits,
        "rate_weight": 1 << 20,
        "context_units": 1 << 20,
    }

    # Arguments of `ImageAutoencoder` that are no choice here.
    FIXED = ("bottleneck", "patch_size", "residual_units")

    def __init__(
        self,
        rate_weight=5e-4,
        latent_dim=128,
        filters=48,
        residual_blocks=3,
        context_units=64,
        downsamplings=3,
        seed=0,
        **kwargs,
    ):
        for name in self.FIXED:
            if name in kwargs:
                raise TypeError(f"`{name}` is no argument of `LappedAutoencoder`.")
        check_integers(
            latent_dim=(1, latent_dim),
            context_units=(0, context_units),
            downsamplings=(2, downsamplings),
        )
        check_at_least(rate_weight=(0, rate_weight))
        self.rate_weight = float(rate_weight)
        self.context_units = int(context_units)
        context = None
        if self.context_units:
            context = ScalarContext(
                latent_dim, self.context_units, dtype=kwargs.get("dtype"), name="context"
            )
        bottleneck = ScalarQuantizer(
            latent_dim,
            # A vector's bits are those of so many pixels.
            rate_weight=self.rate_weight / 4**downsamplings,
            context=context,
            seed=seed,
            dtype="float32",
            name="bottleneck",
        )
        super().__init__(
            bottleneck,
            filters=filters,
            residual_blocks=residual_blocks,
            downsamplings=downsamplings,
            seed=seed,
            **kwargs,
        )

    def _make_networks(self):
        self.transform = LappedTransform(
            self.latent_dim,
            self.stride,
            self.channels,
            dtype=self.dtype_policy,
            name="transform",
        )
        self.decoder = PostFilter(
            self.channels,
            self.stride,
            self.filters,
            self.residual_blocks,
            dtype=self.dtype_policy,
            name="decoder",
        )

    def _build_networks(self):
        self.transform.build()
        self.decoder.build((None, None, None, self.latent_dim))
        for layer in (self.transform, self.decoder):
            layer.built = True

    def _latents(self, images, training=False):
        return self.transform(self._fitted(images))

    def _rebuilt(self, latents, training=False):
        linear = self.transform.invert(ops.cast(latents, "float32"))
        seen = (ops.cast(part, self.compute_dtype) for part in (latents, linear))
        return linear + ops.cast(self.decoder(*seen), "float32")

    def sample_for_start(self, images, count, random):
        """Random prefiltered blocks of one image, `(count, values)` float32."""
        blocks = ops.convert_to_numpy(self.transform.prefilter(self._fitted(images)))
        blocks = blocks.reshape(-1, self.transform.values)
        return blocks[random.integers(len(blocks), size=count)]

    def get_config(self):
        config = super().get_config()
        for name in self.FIXED:
            del config[name]
        return {
            **config,
            "rate_weight": self.rate_weight,
            "latent_dim": self.latent_dim,
            "context_units": self.context_units,
        }
