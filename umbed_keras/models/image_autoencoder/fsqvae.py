"""The autoencoder with finite scalar quantization."""

from collections.abc import Sequence
from typing import Any

import keras

from umbed_keras.bottlenecks.finite_scalar_quantizer import FiniteScalarQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class FSQVAE(NamedAutoencoder):
    """Autoencoder with finite scalar quantization (Mentzer et al. 2023).

    It is an `ImageAutoencoder` with a `FiniteScalarQuantizer`.

    Args:
        levels: int, or a sequence of ints, one for each entry of a latent vector
            (`latent_dim * patch_size**2` of them): number of values that the entry may take.
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that one code stands for.
        seed: int, seed of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: as in `ImageAutoencoder` and `FiniteScalarQuantizer`.

    Examples:
        >>> model = uk.FSQVAE(levels=(5, 4), latent_dim=2, filters=4, residual_blocks=0)
        >>> images = np.random.default_rng(0).random((1, 8, 12, 3))
        >>> model.encode(images)["indices"].shape
        (1, 2, 3, 2)
    """

    bottleneck_class = FiniteScalarQuantizer

    def __init__(
        self,
        levels: int | Sequence[int] = (8, 8, 8, 5, 5, 5),
        latent_dim: int = 6,
        patch_size: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__({"levels": levels}, latent_dim, patch_size, seed, **kwargs)
