"""Models: the pixel embedder and the image autoencoders."""

from umbed_keras.models.image_autoencoder.dlvae import DLVAE
from umbed_keras.models.image_autoencoder.fsqvae import FSQVAE
from umbed_keras.models.image_autoencoder.image_autoencoder import ImageAutoencoder
from umbed_keras.models.image_autoencoder.lapped_autoencoder import LappedAutoencoder
from umbed_keras.models.image_autoencoder.rvqvae import RVQVAE
from umbed_keras.models.image_autoencoder.vqvae import VQVAE
from umbed_keras.models.pixel_embedder.pixel_embedder import PixelEmbedder

__all__ = [
    "DLVAE",
    "FSQVAE",
    "RVQVAE",
    "VQVAE",
    "ImageAutoencoder",
    "LappedAutoencoder",
    "PixelEmbedder",
]
