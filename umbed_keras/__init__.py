"""A small vector for every pixel, and image autoencoders with discrete or sparse bottlenecks."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from umbed_keras.backend.choice import choose_backend

choose_backend()

from umbed_keras import layers, metrics, ops, plots, zoo  # noqa: E402
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
from umbed_keras.version import __version__  # noqa: E402
from umbed_keras.zoo import list_presets, upload_preset  # noqa: E402

if TYPE_CHECKING:
    from umbed_keras import segmentation, stores, tuning

# Packages that need an extra. They are imported when they are first used.
_LAZY = ("segmentation", "stores", "tuning")

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
    "__version__",
    "layers",
    "list_presets",
    "metrics",
    "ops",
    "plots",
    "read_image",
    "segmentation",
    "stores",
    "tuning",
    "upload_preset",
    "zoo",
]


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _import_module(f"umbed_keras.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


# Names that are not public are no attributes. Their modules can be imported by their path.
for _name in [name for name in globals() if not name.startswith("_") and name not in __all__]:
    del globals()[_name]
del _name
