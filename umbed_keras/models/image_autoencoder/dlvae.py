"""The autoencoder with a sparse dictionary."""

from typing import ClassVar

import keras

from umbed_keras.bottlenecks.dictionary_bottleneck import DictionaryBottleneck
from umbed_keras.models.image_autoencoder.named_autoencoder import NamedAutoencoder


@keras.saving.register_keras_serializable(package="umbed_keras")
class DLVAE(NamedAutoencoder):
    """An `ImageAutoencoder` with a dictionary coded by orthogonal matching pursuit (LASER).

    Args:
        num_atoms: int, size of the dictionary (K).
        latent_dim: int, channels of the latent map.
        sparsity: int, atoms of a vector (S).
        patch_size: int, side of the patches of the latent map that are coded as one vector.
        coefficient_bits: int, bits of a quantised coefficient, or None to keep them whole.
        commitment_weight, selection, quantization: as in `DictionaryBottleneck`.
        seed: int, of the dictionary's start and the order of the data.
        min_gain: as in `DictionaryBottleneck`.
        **kwargs: the other arguments of `ImageAutoencoder`, which takes a `DictionaryBottleneck`
            set otherwise, too.
    """

    # Largest values of arguments in a preset: see `zoo.preset_checks`.
    preset_sizes = (*DictionaryBottleneck.preset_sizes, "patch_size", "patch_size")
    preset_limits: ClassVar = {
        **NamedAutoencoder.preset_limits,
        **DictionaryBottleneck.preset_limits,
    }

    bottleneck_class = DictionaryBottleneck

    def __init__(
        self,
        num_atoms=512,
        latent_dim=64,
        sparsity=3,
        patch_size=1,
        coefficient_bits=8,
        commitment_weight=1.0,
        selection="omp",
        quantization="uniform",
        seed=0,
        min_gain=0.0,
        **kwargs,
    ):
        settings = {
            "num_atoms": num_atoms,
            "sparsity": sparsity,
            "coefficient_bits": coefficient_bits,
            "commitment_weight": commitment_weight,
            "selection": selection,
            "quantization": quantization,
            "seed": seed,
            "min_gain": min_gain,
        }
        super().__init__(settings, latent_dim, patch_size, seed, **kwargs)
