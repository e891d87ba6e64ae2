"""The names of `umbed_keras` that need Keras. Importing it registers all classes with Keras."""

from umbed_keras.backend.choice import choose_backend

choose_backend()

from umbed_keras import backbones, layers, metrics, ops, plots, zoo  # noqa: E402
from umbed_keras.images.folder import ImageFolder  # noqa: E402
from umbed_keras.images.image import Image  # noqa: E402
from umbed_keras.images.read_image import read_image  # noqa: E402
from umbed_keras.images.scaling import Scaling  # noqa: E402
from umbed_keras.models import (  # noqa: E402
    DLVAE,
    FSQVAE,
    RVQVAE,
    VQVAE,
    ImageAutoencoder,
    LappedAutoencoder,
    PixelEmbedder,
)
from umbed_keras.models.base.training_backup import TrainingBackup  # noqa: E402
from umbed_keras.zoo import list_presets, upload_preset  # noqa: E402

__all__ = [
    "DLVAE",
    "FSQVAE",
    "RVQVAE",
    "VQVAE",
    "Image",
    "ImageAutoencoder",
    "ImageFolder",
    "LappedAutoencoder",
    "PixelEmbedder",
    "Scaling",
    "TrainingBackup",
    "backbones",
    "layers",
    "list_presets",
    "metrics",
    "ops",
    "plots",
    "read_image",
    "upload_preset",
    "zoo",
]
