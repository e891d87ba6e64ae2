"""Files and download of the weights of LPIPS."""

import functools
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.typing import PathLike

VARIABLE = "UMBED_LPIPS"

TORCHVISION = "https://download.pytorch.org/models/"
# Pinned to the commit of the checksums below.
HEADS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/"
)
# URL and SHA-256 of the files with each net's convolutions and heads.
SOURCES = {
    "alex": (
        (
            TORCHVISION + "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        (
            HEADS + "alex.pth",
            "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        ),
    ),
    "squeeze": (
        (
            TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
            "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        ),
        (
            HEADS + "squeeze.pth",
            "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        ),
    ),
}


def _fire(
    name: str, entries: int, squeezed: int, expanded: int
) -> dict[str, tuple[int, int, int, int]]:
    return {
        f"{name}/squeeze": (1, 1, entries, squeezed),
        f"{name}/expand1x1": (1, 1, squeezed, expanded),
        f"{name}/expand3x3": (3, 3, squeezed, expanded),
    }


# Shapes of each net's kernels (height, width, in, out), and channels of its heads.
KERNELS = {
    "alex": {
        "conv1": (11, 11, 3, 64),
        "conv2": (5, 5, 64, 192),
        "conv3": (3, 3, 192, 384),
        "conv4": (3, 3, 384, 256),
        "conv5": (3, 3, 256, 256),
    },
    "squeeze": {
        "conv1": (3, 3, 3, 64),
        **_fire("fire2", 64, 16, 64),
        **_fire("fire3", 128, 16, 64),
        **_fire("fire4", 128, 32, 128),
        **_fire("fire5", 256, 32, 128),
        **_fire("fire6", 256, 48, 192),
        **_fire("fire7", 384, 48, 192),
        **_fire("fire8", 384, 64, 256),
        **_fire("fire9", 512, 64, 256),
    },
}
CHANNELS = {
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
# Indices of the layers in torchvision's `features`.
TORCH_LAYERS = {
    "alex": {"conv1": 0, "conv2": 3, "conv3": 6, "conv4": 8, "conv5": 10},
    "squeeze": {
        "conv1": 0,
        "fire2": 3,
        "fire3": 4,
        "fire4": 6,
        "fire5": 7,
        "fire6": 9,
        "fire7": 10,
        "fire8": 11,
        "fire9": 12,
    },
}


def _remedy(net: str) -> str:
    return (
        "Pass `weights`, the path of an .npz file with LPIPS's weights, or set the environment "
        f"variable {VARIABLE} to such a file or to a folder that holds lpips_{net}.npz."
    )


def load_weights(net: str, weights: PathLike | None = None) -> dict[str, np.ndarray]:
    """Loads the weights of an LPIPS network.

    Args:
        net: str, `"alex"` or `"squeeze"`.
        weights: path of an .npz file, or None for the path in `UMBED_LPIPS`. If that is not set,
            the weights are downloaded to Keras's home unless they are there; PyTorch is needed for
            it.

    Returns:
        dict of float32 arrays: `<layer>/kernel` `(height, width, in, out)` and `<layer>/bias`
        `(out,)` for each convolution, and `lin<i>` `(channels,)` for each head.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file does not hold the weights of `net`.
        OSError: if the download fails.
        ImportError: if the download needs PyTorch, which is not installed.
    """
    path = _find(net, weights)
    if path is None:
        path = _cache(net)
        if not path.exists():
            _store(_download(net), path)
    return _read(net, path)


def _find(net: str, weights: PathLike | None) -> Path | None:
    """Returns the path that the user names, or None."""
    given = os.environ.get(VARIABLE) if weights is None else weights
    if not given:
        return None
    path = Path(given).expanduser()
    if weights is None and path.is_dir():
        path = path / f"lpips_{net}.npz"
    if not path.is_file():
        origin = f"the environment variable {VARIABLE}" if weights is None else "`weights`"
        raise FileNotFoundError(
            f"{origin} names no file of LPIPS weights: {path} is not there. {_remedy(net)}"
        )
    return path


def _cache(net: str) -> Path:
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path.home() / ".keras"
    return folder / "umbed_keras" / f"lpips_{net}.npz"


@functools.cache
def _read(net: str, path: Path) -> dict[str, np.ndarray]:
    """Returns the checked arrays of a file; all networks share them."""
    shapes = {f"lin{i}": (channels,) for i, channels in enumerate(CHANNELS[net])}
    for layer, shape in KERNELS[net].items():
        shapes |= {f"{layer}/kernel": shape, f"{layer}/bias": shape[-1:]}
    try:
        with np.load(path) as file:
            arrays = {name: file[name].astype("float32") for name in shapes}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} does not hold LPIPS's weights for net={net!r}: {error}. {_remedy(net)}"
        ) from error
    return arrays


def _download(net: str) -> dict[str, np.ndarray]:
    """Downloads the arrays from the files that their authors publish."""
    try:
        import torch
    except ImportError:
        raise ImportError(
            "The published LPIPS weights are PyTorch files, and reading them needs PyTorch: "
            f"`pip install torch`. Or else: {_remedy(net)}"
        ) from None
    states = []
    # The files are not kept: only a 25th of AlexNet's is needed.
    with tempfile.TemporaryDirectory() as folder:
        for url, checksum in SOURCES[net]:
            try:
                file = keras.utils.get_file(
                    origin=url, file_hash=checksum, cache_dir=folder, cache_subdir=""
                )
            except Exception as error:  # Keras raises no narrower class
                raise OSError(
                    f"The LPIPS weights could not be downloaded from {url}: {error}. {_remedy(net)}"
                ) from error
            states.append(torch.load(file, map_location="cpu", weights_only=True))
    return _converted(net, *states)


def _converted(
    net: str, convolutions: Mapping[str, Any], heads: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Converts PyTorch's state dictionaries of convolutions and heads to arrays."""
    arrays = {f"lin{i}": heads[f"lin{i}.model.1.weight"] for i in range(len(CHANNELS[net]))}
    for layer in KERNELS[net]:
        first, *rest = layer.split("/")
        name = ".".join(["features", str(TORCH_LAYERS[net][first]), *rest])
        arrays[f"{layer}/kernel"] = convolutions[f"{name}.weight"].permute(2, 3, 1, 0)
        arrays[f"{layer}/bias"] = convolutions[f"{name}.bias"]
    arrays = {name: array.numpy() for name, array in arrays.items()}
    return {name: a.ravel() if name.startswith("lin") else a for name, a in arrays.items()}


def _store(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as new, new.open("wb") as file:
        np.savez(file, **arrays)
