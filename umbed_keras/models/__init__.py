"""Models."""

from umbed_keras.models.dlvae import DLVAE
from umbed_keras.models.fsqvae import FSQVAE
from umbed_keras.models.image_autoencoder import ImageAutoencoder
from umbed_keras.models.lapped_autoencoder import LappedAutoencoder
from umbed_keras.models.pixel_embedder import PixelEmbedder
from umbed_keras.models.rvqvae import RVQVAE
from umbed_keras.models.vqvae import VQVAE

__all__ = [
    "DLVAE",
    "FSQVAE",
    "RVQVAE",
    "VQVAE",
    "ImageAutoencoder",
    "LappedAutoencoder",
    "PixelEmbedder",
]
