"""A small vector for every pixel, and image autoencoders with discrete or sparse bottlenecks."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from umbed_keras.apps.process import runs_command
from umbed_keras.version import __version__

# The command `umbed-keras` answers `--help` before Keras is imported, which takes seconds.
if TYPE_CHECKING or not runs_command():
    from umbed_keras.library import (
        DLVAE,
        FSQVAE,
        RVQVAE,
        VQVAE,
        Image,
        ImageAutoencoder,
        ImageFolder,
        LappedAutoencoder,
        PixelEmbedder,
        Scaling,
        TrainingBackup,
        backbones,
        layers,
        list_presets,
        metrics,
        ops,
        plots,
        read_image,
        upload_preset,
        zoo,
    )

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
    "backbones",
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
    if name in __all__:
        return getattr(_import_module("umbed_keras.library"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


# Names that are not public are no attributes. Their modules can be imported by their path.
for _name in [name for name in globals() if not name.startswith("_") and name not in __all__]:
    del globals()[_name]
del _name
