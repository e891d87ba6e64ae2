"""The autoencoder with a codebook."""

from typing import Any

import keras

from umbed_keras.bottlenecks.vector_quantizer import VectorQuantizer
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class VQVAE(NamedAutoencoder):
    """Autoencoder with vector quantization (van den Oord, Vinyals & Kavukcuoglu 2017).

    It is an `ImageAutoencoder` with a `VectorQuantizer`. For other arguments of the bottleneck
    pass a `VectorQuantizer` to `ImageAutoencoder`.

    Args:
        num_embeddings: int, number of codebook entries (K).
        latent_dim: int, channels of the latent map.
        patch_size: int, side of the patches of the latent map that one entry stands for.
        commitment_weight: float, as in `VectorQuantizer`.
        seed: int, seed of the codebook's start and of the order of the data.
        **kwargs: the other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: as in `ImageAutoencoder` and `VectorQuantizer`.

    Examples:
        >>> model = uk.VQVAE(num_embeddings=8, latent_dim=2, filters=4, residual_blocks=0)
        >>> images = np.random.default_rng(0).random((1, 8, 12, 3))
        >>> model.encode(images)["indices"].shape
        (1, 2, 3)
        >>> model.reconstruct(images).shape
        (1, 8, 12, 3)
    """

    bottleneck_class = VectorQuantizer

    def __init__(
        self,
        num_embeddings: int = 512,
        latent_dim: int = 64,
        patch_size: int = 1,
        commitment_weight: float = 1.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        arguments = {
            "num_embeddings": num_embeddings,
            "commitment_weight": commitment_weight,
            "seed": seed,
        }
        super().__init__(arguments, latent_dim, patch_size, seed, **kwargs)
