"""Files of labelled pixels: arrays and JSON, nothing that is executed."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umbed_keras.files import written_whole
from umbed_keras.segmentation.export.image_traits import ImageTraits
from umbed_keras.segmentation.labelled_pixels import LabelledPixels, stroke_numbers
from umbed_keras.segmentation.self_training import Guesses
from umbed_keras.typing import PathLike

# Names of the arrays of guesses.
_GUESSES = ("guessed_labels", "guessed_features")
_FORMAT = "umbed_keras pixel classifier 1"
# What the readers of archives, arrays and JSON raise on other content.
_BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_labelled(
    path: PathLike,
    settings: Mapping[str, Any],
    images: Mapping[str, LabelledPixels],
    guesses: Mapping[str, Guesses] | None = None,
) -> None:
    """Writes settings, labelled pixels and guesses to a file, whole or not at all.

    Args:
        path: path of the file, by convention with the suffix .npz.
        settings: dictionary of values that JSON represents, and `traits`, a dictionary from such a
            key as `images` has to the `ImageTraits`.
        images: dictionary from a key of each image to its `LabelledPixels`.
        guesses: dictionary from such keys to `Guesses`.

    Raises:
        OSError: if the file can't be written.

    Examples:
        >>> labels = np.array([[0, 2], [1, 0]])
        >>> pixels = LabelledPixels.from_label_image(labels, np.zeros((2, 2, 3), "float32"))
        >>> write_labelled("pixels.npz", {"seed": 0}, {"first image": pixels})
        >>> settings, images, _ = read_labelled("pixels.npz")
        >>> settings, images["first image"].labels.tolist()
        ({'seed': 0}, [1, 2])
    """
    arrays = _joined(images, LabelledPixels._fields)
    header = {"format": _FORMAT, "images": list(images), "counts": _counts(images), **settings}
    if guesses:
        arrays |= _joined(guesses, _GUESSES)
        header["guesses"] = dict(zip(guesses, _counts(guesses), strict=True))
    header = json.dumps(header)
    with written_whole(path) as new, new.open("wb") as file:
        np.savez_compressed(file, header=np.frombuffer(header.encode(), "uint8"), **arrays)


def _joined(images: Mapping[str, Any], names: Sequence[str]) -> dict[str, np.ndarray]:
    columns = zip(*images.values(), strict=True)
    return {name: np.concatenate(parts) for name, parts in zip(names, columns, strict=True)}


def _counts(images: Mapping[str, Any]) -> list[int]:
    return [len(pixels.labels) for pixels in images.values()]


def read_labelled(
    path: PathLike,
) -> tuple[dict[str, Any], dict[str, LabelledPixels], dict[str, Guesses]]:
    """Reads what `write_labelled` wrote.

    Args:
        path: path of the file.

    Returns:
        The settings; a dictionary from the key of each image to its `LabelledPixels`; and one to
        `Guesses`, empty if the file has none.

    Raises:
        ValueError: if the file has another format, or is truncated or altered.
        OSError: if the file can't be read.

    Examples:
        >>> with open("notes.npz", "w") as file:
        ...     _ = file.write("something else")
        >>> read_labelled("notes.npz")
        Traceback (most recent call last):
        ValueError: notes.npz is no file of a pixel classifier: ...
    """
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            settings = json.loads(file["header"].tobytes())
            if settings.pop("format") != _FORMAT:
                raise ValueError("it has another format")
            if "traits" in settings:
                traits = settings["traits"].items()
                settings["traits"] = {key: ImageTraits.from_config(part) for key, part in traits}
            arrays = [file[name] for name in LabelledPixels._fields if name in file]
            guessed = settings.pop("guesses", {})
            guesses = [file[name] for name in _GUESSES] if guessed else []
        if not all(len(part) == sum(guessed.values()) for part in guesses):
            raise ValueError("its arrays do not match")
        keys, counts = settings.pop("images"), settings.pop("counts")
        lengths = {len(array) for array in arrays}
        if lengths != {sum(counts)} or len(arrays) < 4 or arrays[3].ndim != 2:
            raise ValueError("its arrays do not match")
        if not all(np.isfinite(part).all() for part in (arrays[3], *guesses)):
            raise ValueError("its features are not finite")
        ends = np.cumsum(counts)[:-1]
        columns = zip(*(np.split(array, ends) for array in arrays), strict=True)
        images = [_pixels(*parts) for parts in columns]
        guessed_ends = np.cumsum(list(guessed.values()))[:-1]
        parts = zip(*(np.split(array, guessed_ends) for array in guesses), strict=True)
        return (
            settings,
            dict(zip(keys, images, strict=True)),
            dict(zip(guessed, (Guesses(*arrays) for arrays in parts), strict=True)),
        )
    except _BROKEN as error:
        raise ValueError(f"{path} is no file of a pixel classifier: {error}") from error


def _pixels(rows, cols, labels, features, strokes=None) -> LabelledPixels:
    """The pixels of an image; files of earlier versions do not number strokes."""
    labels = labels.astype("int64")
    if strokes is None:
        strokes = stroke_numbers(rows, cols, labels)
    return LabelledPixels(rows, cols, labels, features, strokes)
