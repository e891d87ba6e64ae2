"""Models and their presets."""

from umbed_keras.models.pixel_embedder import PixelEmbedder
from umbed_keras.models.training_backup import TrainingBackup

__all__ = ["PixelEmbedder", "TrainingBackup"]
