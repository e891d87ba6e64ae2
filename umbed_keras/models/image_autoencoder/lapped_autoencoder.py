"""The autoencoder that is trained for rate and distortion."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
from keras import ops

from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.bottlenecks.scalar_quantizer import ScalarQuantizer
from umbed_keras.models.image_autoencoder.base_autoencoder import BaseAutoencoder
from umbed_keras.models.image_autoencoder.lapped_transform import LappedTransform
from umbed_keras.models.image_autoencoder.post_filter import PostFilter
from umbed_keras.ops.checks import check_at_least, check_integers
from umbed_keras.typing import Tensor


@keras.saving.register_keras_serializable(package="umbed_keras")
class LappedAutoencoder(BaseAutoencoder):
    """Learned image codec: its loss is the distortion plus `rate_weight` times the bits per pixel.

    Nonlinear transform coding (Balle et al. 2020) that starts at linear transform coding. The
    analysis is a lapped transform, which `adapt` sets to principal components and training
    improves, and nothing else, so that encoding is fast. Latents are rounded to integers, whose
    probabilities a small network predicts from their neighbours. The synthesis is the inverse
    transform and a network that corrects its output.

    Images are uint8 (0..255) or floats in 0..1, `(batch, height, width, channels)`, of any height
    and width: they are extended by reflection to the next multiples of `stride`, and
    reconstructions are cropped again. Calling the model on images gives their reconstruction, a
    float32 tensor that is not clipped; `reconstruct` clips it to 0..1.

    Args:
        rate_weight: float above 0, the mean squared error (on values in 0..1) that equals a bit
            per pixel in the loss. About 5e-4 gives 1 bit per pixel for photographs of 128 x 128
            pixels.
        latent_dim: int, integers for each square of `stride` x `stride` pixels.
        filters: int, channels inside the `PostFilter`.
        residual_blocks: int, number of residual blocks of the `PostFilter`.
        context_units: int, width of the networks that predict probabilities; 0 gives each integer
            a density that depends on no neighbour.
        downsamplings: int, at least 2, logarithm to base 2 of the stride.
        seed: int, seed of the noise and of the order of the data.
        channels: int, channels of the images.
        mse_weight: float, weight of the mean squared error in the loss, on values in 0..1.
        l1_weight: float, weight of the mean absolute error.
        edge_weight: float, weight of the mean absolute error of the gradients (Sobel).
        lpips_weight: float, weight of LPIPS (AlexNet). It needs weights that are downloaded, see
            `umbed_keras.metrics.LPIPS`.
        **kwargs: `name`, `dtype` and `trainable` of `keras.Model`.

    Raises:
        ValueError: if a size is not an integer, or out of range.
        ValueError: if `rate_weight` is not above 0, a weight of the loss is negative, or none of
            these is above 0.

    Examples:
        >>> model = uk.LappedAutoencoder(latent_dim=4, filters=4, residual_blocks=0)
        >>> images = np.random.default_rng(0).random((1, 13, 17, 3))
        >>> model.encode(images)["indices"].shape
        (1, 2, 3, 4)
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = ("latent_dim",)
    preset_limits: ClassVar[Mapping[str, int]] = {
        **BaseAutoencoder.preset_limits,
        "rate_weight": 1 << 20,
        "filters": 1 << 20,
        "residual_blocks": 256,
        "context_units": 1 << 20,
        "downsamplings": 16,
    }

    def __init__(
        self,
        rate_weight: float = 5e-4,
        latent_dim: int = 128,
        filters: int = 48,
        residual_blocks: int = 3,
        context_units: int = 64,
        downsamplings: int = 3,
        seed: int = 0,
        channels: int = 3,
        mse_weight: float = 1.0,
        l1_weight: float = 0.0,
        edge_weight: float = 0.0,
        lpips_weight: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check_integers(
            latent_dim=(1, latent_dim),
            filters=(1, filters),
            residual_blocks=(0, residual_blocks),
            context_units=(0, context_units),
            downsamplings=(2, downsamplings),
        )
        check_at_least(rate_weight=(0, rate_weight))
        context = None
        if context_units:
            context = ScalarContext(
                latent_dim, int(context_units), dtype=kwargs.get("dtype"), name="context"
            )
        bottleneck = ScalarQuantizer(
            latent_dim,
            # The bottleneck's rate is in bits per vector, which stands for this many pixels.
            rate_weight=float(rate_weight) / 4**downsamplings,
            context=context,
            seed=seed,
            dtype="float32",
            name="bottleneck",
        )
        super().__init__(
            bottleneck,
            channels,
            seed,
            mse_weight=mse_weight,
            l1_weight=l1_weight,
            edge_weight=edge_weight,
            lpips_weight=lpips_weight,
            **kwargs,
        )
        self.rate_weight = float(rate_weight)
        self.filters = int(filters)
        self.residual_blocks = int(residual_blocks)
        self.context_units = int(context_units)
        self.downsamplings = int(downsamplings)
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
        self.build((None, None, None, self.channels))

    @property
    def stride(self) -> int:
        """Pixels between latent vectors, along each axis."""
        return 2**self.downsamplings

    def _build_layers(self):
        self.transform.build()
        self.decoder.build((None, None, None, self.latent_dim))
        for layer in (self.transform, self.decoder):
            layer.built = True

    def analysis(self, images: Tensor, training: bool = False) -> Tensor:
        """Maps images to latents by the lapped transform.

        Args:
            images: float32 tensor `(batch, height, width, channels)` in 0..1, with sizes that are
                multiples of `stride`.
            training: bool, unused.

        Returns:
            float32 tensor `(batch, height / stride, width / stride, latent_dim)`.
        """
        return self.transform(images)

    def synthesis(self, latents: Tensor, training: bool = False) -> Tensor:
        """Maps latents to images by the inverse transform and the network that corrects it.

        Args:
            latents: tensor `(batch, rows, cols, latent_dim)`.
            training: bool, unused.

        Returns:
            float32 tensor `(batch, stride * rows, stride * cols, channels)`, not clipped.
        """
        linear = self.transform.invert(ops.cast(latents, "float32"))
        inputs = (ops.cast(part, self.compute_dtype) for part in (latents, linear))
        return linear + ops.cast(self.decoder(*inputs), "float32")

    def _blocks(self, images):
        return self.transform.prefilter(images)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "rate_weight": self.rate_weight,
            "latent_dim": self.latent_dim,
            "filters": self.filters,
            "residual_blocks": self.residual_blocks,
            "context_units": self.context_units,
            "downsamplings": self.downsamplings,
        }
