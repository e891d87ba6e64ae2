"""Files of compressed images, of one preset."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from umbed_keras.files import written_whole
from umbed_keras.images.plane_pixels import PlanePixels
from umbed_keras.images.read_image import read_image
from umbed_keras.images.scaling import Scaling
from umbed_keras.typing import PathLike
from umbed_keras.zoo import load_preset

_SUFFIX = ".umbed"


def compress_files(
    paths: Sequence[Path], preset: PathLike, folder: Path | None = None
) -> dict[Path, Path]:
    """Compresses images, and decompresses files that end in `.umbed`. Files are written whole.

    Args:
        paths: paths of the files: `photo.png` becomes `photo.png.umbed`, and that
            `photo.png.umbed.png`.
        preset: as `umbed_keras.zoo.load_preset` takes it.
        folder: path of the folder to write to; None writes beside each file.

    Returns:
        Dictionary from the path of each new file to that of its source.

    Raises:
        OSError: if a file can't be read or written.
        ValueError: if a file is no image of 8 bits or a stream of another model, or two files would
            have one name.
        ImportError: if an extra is missing.

    Examples:
        >>> compress_files([Path("a/x.png"), Path("b/x.png")], "celeba_lapped_r1", Path("c"))
        Traceback (most recent call last):
        ValueError: a/x.png and b/x.png would both become c/x.png.umbed.
    """
    sources = _sources(paths, folder)
    model = load_preset(preset)
    for target, path in sources.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        (_decompress if path.suffix == _SUFFIX else _compress)(model, path, target)
    return sources


def _compress(model: Any, path: Path, target: Path) -> None:
    """Writes the stream of an image file."""
    image = read_image(path)
    eight_bits = image.dtype == np.uint8 and image.num_channels == (3 if image.is_rgb else 1)
    if not eight_bits or image.num_planes > 1:
        raise ValueError(
            f"{path} must be one image of 8 bits, in grey or colours: others lose what a stream of "
            f"8 bits has no room for. Received: {image!r}. `umbed_keras.Scaling` makes 0..1 of it."
        )
    group = image.channels if image.is_rgb else (0,) * model.channels
    pixels = PlanePixels(image, Scaling((0, 255)), (), group, model.channels)[:, :]
    stream = model.compress(pixels[None])[0]
    with written_whole(target) as new:
        new.write_bytes(stream)


def _decompress(model: Any, path: Path, target: Path) -> None:
    """Writes the image of a stream as PNG."""
    try:
        pixels = model.decompress([path.read_bytes()])[0]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pixels = np.round(255 * pixels).astype("uint8")
    image = Image.fromarray(pixels[..., 0] if model.channels == 1 else pixels)
    with written_whole(target) as new:
        image.save(new, "png")


def _sources(paths: Sequence[Path], folder: Path | None) -> dict[Path, Path]:
    """Returns a dictionary from the files to write to the files that they are made of.

    Raises:
        ValueError: if two files would be written to the same path.
    """
    sources = {}
    for path in paths:
        suffix = ".png" if path.suffix == _SUFFIX else _SUFFIX
        target = (folder or path.parent) / f"{path.name}{suffix}"
        if sources.setdefault(target, path) != path:
            raise ValueError(f"{sources[target]} and {path} would both become {target}.")
    return sources
