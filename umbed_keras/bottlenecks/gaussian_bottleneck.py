"""The Gaussian bottleneck of a variational autoencoder."""

import math
from typing import ClassVar

import keras
from keras import ops

from umbed_keras.backend.processes import replica_part
from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.bottlenecks.entropy_models.quantized_means import QuantizedMeans
from umbed_keras.ops.checks import check_at_least
from umbed_keras.ops.rate import Bits

# Log-variances beyond this range only overflow.
LOG_VARIANCE_RANGE = (-20.0, 10.0)
STARTING_LOG_VARIANCE = -4.0


@keras.saving.register_keras_serializable(package="umbed_keras")
class GaussianBottleneck(Bottleneck):
    """Samples latents from a Gaussian and charges its divergence from the standard normal.

    The bottleneck of a VAE (Kingma & Welling 2014). Latents in are mean and log-variance,
    `(..., 2 * latent_dim)`; handed on is a sample while training and the mean otherwise. Codes
    are `{"mean", "log_variance"}`, each `(..., latent_dim)` float32.

    Args:
        latent_dim: int, size of the latent vector.
        kl_weight: float, weight of the divergence (nats, summed over the vector, averaged over
            vectors) in the loss.
        seed: int or None, of the noise.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_limits: ClassVar = {"kl_weight": 1 << 20}

    unit_variance = True
    keeps_vectors = True

    def __init__(self, latent_dim, kl_weight=1e-4, seed=None, **kwargs):
        super().__init__(latent_dim, **kwargs)
        check_at_least(kl_weight=(0, kl_weight))
        self.kl_weight = float(kl_weight)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def input_dim(self):
        return 2 * self.latent_dim

    @property
    def input_start(self):
        # A small variance: noise as large as the signal would drown every gradient.
        start = super().input_start
        start[self.latent_dim :] = STARTING_LOG_VARIANCE
        return start

    def pass_through(self, latents, training):
        mean, log_variance = ops.split(latents, 2, axis=-1)
        log_variance = ops.clip(log_variance, *LOG_VARIANCE_RANGE)
        codes = {"mean": mean, "log_variance": log_variance}
        sample = mean
        if training:
            noise = replica_part(self._noise, ops.shape(mean))
            sample = mean + ops.exp(0.5 * log_variance) * noise
        return sample, codes, self.kl_weight * self._divergence(codes)

    def decode(self, codes):
        return ops.cast(codes["mean"], "float32")

    def bits(self, codes):
        bits = float(ops.convert_to_numpy(self.fixed_length_bits(codes)))
        return Bits(bits, bits)

    def fixed_length_bits(self, codes):
        """The divergence in bits: what sending a sample costs (bits-back coding)."""
        return self._divergence(codes) / math.log(2)

    def code_spec(self):
        return dict.fromkeys(("mean", "log_variance"), ((self.latent_dim,), "float32"))

    def entropy_model(self) -> QuantizedMeans:
        """Returns the entropy model of the means, rounded to steps that a codec chooses."""
        return QuantizedMeans(self.latent_dim)

    def get_config(self):
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}

    def _noise(self, shape):
        return keras.random.normal(shape, dtype="float32", seed=self.seed_generator)

    @staticmethod
    def _divergence(codes):
        mean = ops.cast(codes["mean"], "float32")
        log_variance = ops.cast(codes["log_variance"], "float32")
        nats = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)
        return ops.mean(ops.sum(nats, axis=-1))
