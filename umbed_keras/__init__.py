"""A small vector for every pixel, and image autoencoders with discrete or sparse bottlenecks."""

from umbed_keras._backend import choose_backend

choose_backend()

from umbed_keras import layers, metrics, ops, plots, zoo  # noqa: E402
from umbed_keras._version import __version__  # noqa: E402
from umbed_keras.data.folder import ImageFolder  # noqa: E402
from umbed_keras.models import (  # noqa: E402
    DLVAE,
    FSQVAE,
    RVQVAE,
    VQVAE,
    ImageAutoencoder,
    LappedAutoencoder,
    PixelEmbedder,
)
from umbed_keras.training import TrainingBackup  # noqa: E402
from umbed_keras.zoo import list_presets, upload_preset  # noqa: E402

__all__ = [
    "DLVAE",
    "FSQVAE",
    "RVQVAE",
    "VQVAE",
    "ImageAutoencoder",
    "ImageFolder",
    "LappedAutoencoder",
    "PixelEmbedder",
    "TrainingBackup",
    "__version__",
    "layers",
    "list_presets",
    "metrics",
    "ops",
    "plots",
    "upload_preset",
    "zoo",
]
