"""Models and their presets."""

from umbed_keras.models.dlvae import DLVAE
from umbed_keras.models.image_autoencoder import ImageAutoencoder
from umbed_keras.models.pixel_embedder import PixelEmbedder
from umbed_keras.models.preset_cards import write_card
from umbed_keras.models.presets import index_presets, list_presets, upload_preset
from umbed_keras.models.rvqvae import RVQVAE
from umbed_keras.models.training_backup import TrainingBackup
from umbed_keras.models.vqvae import VQVAE

__all__ = [
    "DLVAE",
    "RVQVAE",
    "VQVAE",
    "ImageAutoencoder",
    "PixelEmbedder",
    "TrainingBackup",
    "index_presets",
    "list_presets",
    "upload_preset",
    "write_card",
]
