"""The autoencoder with finite scalar quantisation."""

from typing import ClassVar

import keras

from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class FSQVAE(NamedAutoencoder):
    """An `ImageAutoencoder` with finite scalar quantisation (Mentzer et al. 2023).

    Args:
        levels: int, or ints, one for each entry of a latent vector (`latent_dim * patch_size^2`
            of them): to how many levels it is rounded.
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that one code stands for.
        seed: int, of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = (*FiniteScalarQuantizer.preset_sizes, "patch_size", "patch_size")
    preset_limits: ClassVar = {
        **NamedAutoencoder.preset_limits,
        **FiniteScalarQuantizer.preset_limits,
    }

    bottleneck_class = FiniteScalarQuantizer

    def __init__(self, levels=(8, 8, 8, 5, 5, 5), latent_dim=6, patch_size=1, seed=0, **kwargs):
        super().__init__({"levels": levels}, latent_dim, patch_size, seed, **kwargs)
