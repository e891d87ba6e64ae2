"""The autoencoder with a sparse dictionary."""

from typing import Any

import keras

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class DLVAE(NamedAutoencoder):
    """Autoencoder with a dictionary and orthogonal matching pursuit (LASER).

    It is an `ImageAutoencoder` with a `DictionaryBottleneck`. For other arguments of the
    bottleneck pass a `DictionaryBottleneck` to `ImageAutoencoder`.

    Args:
        num_atoms: int, size of the dictionary (K).
        latent_dim: int, channels of the latent map.
        sparsity: int, number of atoms that represent a vector (S).
        patch_size: int, side of the patches of the latent map that are encoded as one vector.
        coefficient_bits: int, bits of a quantized coefficient; None leaves coefficients
            unquantized.
        commitment_weight: float, as in `DictionaryBottleneck`.
        selection: str, as in `DictionaryBottleneck`.
        quantization: str, as in `DictionaryBottleneck`.
        seed: int, seed of the dictionary's start and of the order of the data.
        min_gain: float, as in `DictionaryBottleneck`.
        **kwargs: the other arguments of `ImageAutoencoder`.

    Raises:
        ValueError: as in `ImageAutoencoder` and `DictionaryBottleneck`.

    Examples:
        >>> model = uk.DLVAE(8, latent_dim=4, sparsity=2, filters=4, residual_blocks=0)
        >>> model
        DLVAE(latent_dim=4, bottleneck=DictionaryBottleneck(num_atoms=8, latent_dim=4, sparsity=2))
        >>> sorted(model.bottleneck.code_spec())
        ['coefficients', 'indices']
        >>> model.code_size(height=8, width=13)
        (2, 4)
    """

    bottleneck_class = DictionaryBottleneck

    def __init__(
        self,
        num_atoms: int = 512,
        latent_dim: int = 64,
        sparsity: int = 3,
        patch_size: int = 1,
        coefficient_bits: int | None = 8,
        commitment_weight: float = 1.0,
        selection: str = "omp",
        quantization: str = "uniform",
        seed: int = 0,
        min_gain: float = 0.0,
        **kwargs: Any,
    ) -> None:
        arguments = {
            "num_atoms": num_atoms,
            "sparsity": sparsity,
            "coefficient_bits": coefficient_bits,
            "commitment_weight": commitment_weight,
            "selection": selection,
            "quantization": quantization,
            "seed": seed,
            "min_gain": min_gain,
        }
        super().__init__(arguments, latent_dim, patch_size, seed, **kwargs)
