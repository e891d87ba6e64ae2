"""The autoencoder with a codebook."""

from typing import ClassVar

import keras

from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class VQVAE(NamedAutoencoder):
    """An `ImageAutoencoder` with a codebook (van den Oord, Vinyals & Kavukcuoglu 2017).

    Args:
        num_embeddings: int, entries of the codebook (K).
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that one entry stands for.
        commitment_weight: float, as in `VectorQuantizer`.
        seed: int, of the codebook's start and the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`, which takes a `VectorQuantizer` set
            otherwise, too.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = (*VectorQuantizer.preset_sizes, "patch_size", "patch_size")
    preset_limits: ClassVar = {**NamedAutoencoder.preset_limits, **VectorQuantizer.preset_limits}

    bottleneck_class = VectorQuantizer

    def __init__(
        self,
        num_embeddings=512,
        latent_dim=64,
        patch_size=1,
        commitment_weight=1.0,
        seed=0,
        **kwargs,
    ):
        settings = {
            "num_embeddings": num_embeddings,
            "commitment_weight": commitment_weight,
            "seed": seed,
        }
        super().__init__(settings, latent_dim, patch_size, seed, **kwargs)
