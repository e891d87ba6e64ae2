"""The Gaussian bottleneck of a variational autoencoder."""

import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from umbed_keras.backend.processes import replica_part
from umbed_keras.bottlenecks._samples import mean_over
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.entropy_models.quantized_means import QuantizedMeans
from umbed_keras.ops.checks import check_at_least
from umbed_keras.ops.rate import Bits
from umbed_keras.typing import Codes, Shape, Tensor

# Log-variances beyond this range only overflow.
LOG_VARIANCE_RANGE = (-20.0, 10.0)
STARTING_LOG_VARIANCE = -4.0


@keras.saving.register_keras_serializable(package="umbed_keras")
class GaussianBottleneck(Bottleneck):
    """Samples latents from a Gaussian and penalizes its divergence from the standard normal.

    The bottleneck of a VAE (Kingma & Welling 2014). The latents taken in are mean and
    log-variance, `(..., 2 * latent_dim)`. The latents handed on are a sample in training and the
    mean otherwise. It has no weights: `trainable = False` changes nothing, and training keeps
    adding noise.

    Codes are `{"mean", "log_variance"}`: float32 `(..., latent_dim)` each.

    Args:
        latent_dim: int >= 1, size of the latent vector.
        kl_weight: float >= 0, weight of the divergence (in nats, sum over entries, mean over
            vectors) in the loss.
        seed: int or None, of the noise.
        **kwargs: other arguments of `Bottleneck`.

    Raises:
        ValueError: if `kl_weight` is below 0.

    Examples:
        >>> layer = uk.layers.GaussianBottleneck(latent_dim=2, kl_weight=1.0)
        >>> mean, log_variance = [1.0, -1.0], [0.0, 0.0]
        >>> outputs = layer(np.array([mean + log_variance], "float32"))
        >>> keras.ops.convert_to_numpy(outputs["latents"]).tolist(), float(outputs["loss"])
        ([[1.0, -1.0]], 1.0)
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar = {"kl_weight": 1 << 20}

    unit_variance = True
    keeps_vectors = True

    def __init__(
        self, latent_dim: int, kl_weight: float = 1e-4, seed: int | None = None, **kwargs: Any
    ):
        super().__init__(latent_dim, **kwargs)
        check_at_least(kl_weight=(0, kl_weight))
        self.kl_weight = float(kl_weight)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def input_dim(self) -> int:
        """Size of the vectors that the layer takes: mean and log-variance."""
        return 2 * self.latent_dim

    @property
    def input_start(self) -> np.ndarray:
        """Initial value of each entry of the input: mean 0 and a small variance."""
        # Noise as large as the signal would drown every gradient.
        start = super().input_start
        start[self.latent_dim :] = STARTING_LOG_VARIANCE
        return start

    def pass_through(
        self, latents: Tensor, training: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, Codes, Tensor]:
        """Samples float32 latents; see `Bottleneck.pass_through`."""
        mean, log_variance = ops.split(latents, 2, axis=-1)
        log_variance = ops.clip(log_variance, *LOG_VARIANCE_RANGE)
        codes = {"mean": mean, "log_variance": log_variance}
        sample = mean
        if training:
            noise = replica_part(self._noise, ops.shape(mean))
            sample = mean + ops.exp(0.5 * log_variance) * noise
        return sample, codes, self.kl_weight * self._divergence(codes, mask)

    def decode(self, codes: Codes) -> Tensor:
        """Returns the means, float32 `(..., latent_dim)`."""
        return ops.cast(codes["mean"], "float32")

    def bits(self, codes: Codes) -> Bits:
        """Computes the `Bits` spent per latent vector: the divergence, by both measures."""
        bits = float(ops.convert_to_numpy(self.fixed_length_bits(codes)))
        return Bits(bits, bits)

    def fixed_length_bits(self, codes: Codes) -> Tensor:
        """Computes the divergence in bits, the cost of a sample by bits-back coding.

        Args:
            codes: what `encode` returned.

        Returns:
            float32 scalar tensor, mean over vectors.
        """
        return self._divergence(codes) / math.log(2)

    def code_spec(self) -> dict[str, tuple[Shape, str]]:
        """Returns trailing shape and dtype of the codes."""
        return dict.fromkeys(("mean", "log_variance"), ((self.latent_dim,), "float32"))

    def entropy_model(self) -> QuantizedMeans:
        """Returns the entropy model of the means, rounded to steps that a codec chooses."""
        return QuantizedMeans(self.latent_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make an equal layer."""
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}

    def _noise(self, shape):
        return keras.random.normal(shape, dtype="float32", seed=self.seed_generator)

    @staticmethod
    def _divergence(codes, mask=None):
        mean = ops.cast(codes["mean"], "float32")
        log_variance = ops.cast(codes["log_variance"], "float32")
        nats = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)
        return mean_over(ops.sum(nats, axis=-1), mask)
