"""Strokes that lie beside their images in a folder."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from umbed_keras.images.folder_files import folder_files
from umbed_keras.images.image import Image
from umbed_keras.images.read_image import read_image
from umbed_keras.segmentation.image_lists import as_label_images

STROKES = ".strokes"
# What broken files, missing libraries and images that do not suit the classifier raise.
BROKEN = (ImportError, OSError, TypeError, ValueError)


def is_strokes(path: Path) -> bool:
    """Returns whether a file holds strokes by its name.

    Args:
        path: path of the file.

    Examples:
        >>> is_strokes(Path("cells.strokes.png")), is_strokes(Path("cells.png"))
        (True, False)
    """
    return path.stem.endswith(STROKES)


def pairs_in(folder: Path, images: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Pairs the images of a folder with their strokes: NAME.tif and NAME.strokes.png.

    Args:
        folder: path of the folder.
        images: paths of its images.

    Returns:
        List of the paths of an image and of its strokes, of the images that have strokes.

    Raises:
        ValueError: if no image has strokes.
        ValueError: if strokes have no image.

    Examples:
        >>> for name in ("a.jpg", "b.jpg", "b.strokes.png"):
        ...     Path(name).touch()
        >>> [(image.name, strokes.name) for image, strokes in pairs_in(Path("."), [Path("b.jpg")])]
        [('b.jpg', 'b.strokes.png')]
    """
    named = {path.with_suffix(""): path for path in images}
    strokes = {
        path.with_name(path.stem.removesuffix(STROKES)): path
        for path in folder_files(folder).images
        if is_strokes(path)
    }
    alone = sorted(path.name for path in strokes.keys() - named.keys())
    if not strokes or alone:
        raise ValueError(
            f"{folder} must hold NAME{STROKES}.png (.tif, .npy) beside an image of that NAME. "
            f"Without an image: {alone}, strokes in all: {len(strokes)}"
        )
    return [(named[name], strokes[name]) for name in sorted(strokes)]


def read_pairs(
    pairs: Iterable[tuple[Path, Path]], axes: str | None = None
) -> tuple[list[Image], list[np.ndarray], dict[Path, Exception]]:
    """Reads images and their strokes, those that can be read.

    Args:
        pairs: paths of images and of their strokes.
        axes: axes of files that do not name theirs.

    Returns:
        List of `umbed_keras.Image`; list of their labels, int64, 0 where there is no stroke; and a
        dictionary from the path of each file that can't be used to the reason.

    Examples:
        >>> np.save("a.npy", np.zeros((4, 5), "uint8"))
        >>> np.save("a.strokes.npy", np.eye(4, 5, dtype=int))
        >>> pairs = [(Path("a.npy"), Path("a.strokes.npy")), (Path("none.npy"), Path("b.npy"))]
        >>> images, labels, broken = read_pairs(pairs)
        >>> int(labels[0].sum()), [path.name for path in broken]
        (4, ['none.npy'])
    """
    images, labels, broken = [], [], {}
    for path, strokes in pairs:
        failed = path
        try:
            image = read_image(path, axes)
            np.asarray(image)  # a part of it may be damaged
            failed = strokes
            labels += as_label_images([strokes], [image], axes)
            images.append(image)
        except BROKEN as error:
            broken[failed] = error
    return images, labels, broken
