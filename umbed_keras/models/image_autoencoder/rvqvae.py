"""The autoencoder with codebooks in stages."""

from typing import ClassVar

import keras

from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class RVQVAE(NamedAutoencoder):
    """An `ImageAutoencoder` with residual vector quantisation (Lee et al. 2022).

    Args:
        num_embeddings: int, entries of a codebook (K).
        latent_dim: int, channels of the latent map.
        num_quantizers: int, stages (S).
        shared_codebook: bool; True gives all stages one codebook.
        patch_size: int, side of the patches of the latent map that one code stands for.
        commitment_weight: float, as in `ResidualVectorQuantizer`.
        seed: int, of the codebooks' start and the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`, which takes a
            `ResidualVectorQuantizer` set otherwise, too.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = (*ResidualVectorQuantizer.preset_sizes, "patch_size", "patch_size")
    preset_limits: ClassVar = {
        **NamedAutoencoder.preset_limits,
        **ResidualVectorQuantizer.preset_limits,
    }

    bottleneck_class = ResidualVectorQuantizer

    def __init__(
        self,
        num_embeddings=512,
        latent_dim=64,
        num_quantizers=3,
        shared_codebook=False,
        patch_size=1,
        commitment_weight=1.0,
        seed=0,
        **kwargs,
    ):
        settings = {
            "num_embeddings": num_embeddings,
            "num_quantizers": num_quantizers,
            "shared_codebook": shared_codebook,
            "commitment_weight": commitment_weight,
            "seed": seed,
        }
        super().__init__(settings, latent_dim, patch_size, seed, **kwargs)
