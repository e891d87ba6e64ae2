"""Images to train on and images that are held out, from what a user names."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from umbed_keras.images.folder import ImageFolder
from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.scaling import Scaling, warn_if_flat
from umbed_keras.images.squares.sources import held_out, joined, load_split
from umbed_keras.typing import PathLike

# Largest number of images that are held out of folders.
_HELD_OUT = 512


class TrainingImages(NamedTuple):
    """Images to train on and images that are held out.

    Args:
        train: array `(n, size, size, channels)`, or an `ImageFolder` of random squares.
        held_out: array `(n, size, size, channels)`.

    Examples:
        >>> images = np.zeros((5, 8, 8, 3), "uint8")
        >>> TrainingImages(images[:4], images[4:]).unreadable
        {}
    """

    train: np.ndarray | ImageFolder
    held_out: np.ndarray

    @property
    def unreadable(self) -> dict[str, str]:
        """Path of each file that could not be read so far to the reason."""
        return self.train.unreadable if isinstance(self.train, ImageFolder) else {}

    @property
    def text(self) -> str:
        """How many images there are, in words."""
        if isinstance(self.train, ImageFolder):
            trained = f"{len(self.train.files):,} images to cut squares from, squares of"
            return f"{trained} {len(self.held_out):,} others held out"
        return f"{len(self.train):,} images to learn from, {len(self.held_out):,} held out"


def training_images(
    sources: Sequence[PathLike],
    size: int = 128,
    limit: int | None = None,
    tiles: bool = False,
    gray: bool = False,
    scaling: Scaling | None = None,
    axes: str | None = None,
    batch_size: int = 16,
    crops: int = 4,
    seed: int = 0,
) -> TrainingImages:
    """Returns images to train on, and those of the last tenth of each source, which are held out.

    Of folders, which may be larger than memory, random squares are read during training. Of other
    sources squares are held in memory.

    Args:
        sources: folders, tar files, .npz files or `"cifar10"`, as in `load_images`.
        size, limit, tiles, gray, scaling, axes: as in `load_images`, for each source. With `tiles`,
            squares of folders are held in memory, too.
        batch_size: squares of a batch of folders.
        crops: random squares of each image of folders in a pass.
        seed: of the order of a folder's images and their squares.

    Returns:
        `TrainingImages`.

    Raises:
        ValueError: as `load_split`.

    Examples:
        >>> from PIL import Image
        >>> Path("photos").mkdir()
        >>> for name in "abc":
        ...     Image.new("RGB", (60, 40)).save(f"photos/{name}.png")
        >>> images = training_images(["photos"], size=32)
        >>> images.text
        '2 images to cut squares from, squares of 1 others held out'
    """
    if not tiles and all(Path(source).is_dir() for source in sources):
        options = {"size": size, "channels": 1 if gray else 3, "scaling": scaling, "axes": axes}
        return _of_folders(sources, limit, batch_size, crops, seed=seed, **options)
    splits = [
        load_split(source, size, limit, tiles, gray, scaling=scaling, axes=axes)
        for source in sources
    ]
    train, others = map(joined, zip(*splits, strict=True))
    warn_if_flat(train[:_HELD_OUT] / 255 if train.dtype == np.uint8 else train, "The training data")
    return TrainingImages(train, others)


def _of_folders(
    sources: Sequence[PathLike], limit: int | None, batch_size: int, crops: int, **options: object
) -> TrainingImages:
    """Random squares of the images of folders, and one square of each held-out image."""
    splits = [held_out(folder_files(source).images[:limit]) for source in sources]
    train, others = ([file for part in side for file in part] for side in zip(*splits, strict=True))
    if not train:
        raise ValueError(f"{sources[0]} holds one image alone: there must be others to hold out.")
    others = others[:: -(-len(others) // _HELD_OUT)]
    batches = ImageFolder(train, batch_size=batch_size, crops_per_image=crops, **options)
    held = ImageFolder(others, batch_size=len(others), crops_per_image=1, **options)
    squares = held[0]
    batches.unreadable |= held.unreadable
    return TrainingImages(batches, squares)
