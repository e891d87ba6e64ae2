"""The autoencoder with codebooks in stages."""

from typing import Any

import keras

from umbed_keras.bottlenecks.residual_vector_quantizer import ResidualVectorQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class RVQVAE(NamedAutoencoder):
    """Autoencoder with residual vector quantization (Lee et al. 2022).

    It is an `ImageAutoencoder` with a `ResidualVectorQuantizer`. For other arguments of the
    bottleneck pass a `ResidualVectorQuantizer` to `ImageAutoencoder`.

    Args:
        num_embeddings: int, number of entries of a codebook (K).
        latent_dim: int, channels of the latent map.
        num_quantizers: int, number of stages (S).
        shared_codebook: bool; True gives all stages one codebook.
        patch_size: int, side of the patches of the latent map that one code stands for.
        commitment_weight: float, as in `ResidualVectorQuantizer`.
        seed: int, seed of the codebooks' start and of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: as in `ImageAutoencoder` and `ResidualVectorQuantizer`.

    Examples:
        >>> model = uk.RVQVAE(8, latent_dim=2, num_quantizers=3, filters=4, residual_blocks=0)
        >>> images = np.random.default_rng(0).random((1, 8, 12, 3))
        >>> model.encode(images)["indices"].shape
        (1, 2, 3, 3)
    """

    bottleneck_class = ResidualVectorQuantizer

    def __init__(
        self,
        num_embeddings: int = 512,
        latent_dim: int = 64,
        num_quantizers: int = 3,
        shared_codebook: bool = False,
        patch_size: int = 1,
        commitment_weight: float = 1.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        arguments = {
            "num_embeddings": num_embeddings,
            "num_quantizers": num_quantizers,
            "shared_codebook": shared_codebook,
            "commitment_weight": commitment_weight,
            "seed": seed,
        }
        super().__init__(arguments, latent_dim, patch_size, seed, **kwargs)
