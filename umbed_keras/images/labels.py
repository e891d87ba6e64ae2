"""Labels of pixels: class numbers from files and arrays, and back to files."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from umbed_keras.images.image import Image
from umbed_keras.images.read_image import open_image
from umbed_keras.images.writers.ome_labels import is_ome_label, write_ome_labels
from umbed_keras.images.writers.write_numbers import write_numbers
from umbed_keras.typing import ArrayLike, PathLike

# Colours of classes 1, 2, ..., which colour-blind people tell apart (Okabe & Ito 2008).
CLASS_COLORS = (
    (213, 94, 0),
    (0, 114, 178),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
)
# How far each channel of a stroke may be from its class's colour: compression changes it a little.
_TOLERANCE = 12
# Opacity, of 255, from which on the soft edge of a stroke counts.
_LEAST_ALPHA = 64
# The share of labelled pixels below which the rarer half of many classes is a soft edge.
_SOFT_SHARE = 0.05
# What data sets give to pixels without a label, beside classes of at most so large numbers.
_VOID, _FEW = 255, 32


def read_labels(path: PathLike, axes: str | None = None) -> np.ndarray:
    """Reads class numbers from an image file of any kind.

    A grey image, a palette image or an array holds the numbers themselves: integers of any type,
    integral floats, or booleans. An image in colours holds strokes in `CLASS_COLORS`, on any other
    colour or none, unless its colours are all grey.

    Args:
        path: as in `umbed_keras.read_image`.
        axes: axes of the file, where it does not name them.

    Returns:
        int64 array with the file's axes but the channels; 0 where there is no label, and where
        the file says that there are no data.

    Raises:
        ValueError: if the file can't be read, or holds numbers that are no integers.

    Examples:
        >>> np.save("strokes.npy", np.array([[0, 1], [2, 2]], "uint16"))
        >>> read_labels("strokes.npy").tolist()
        [[0, 1], [2, 2]]
    """
    image = open_image(path, axes, expand=False)
    numbers = np.asarray(image)
    if image.nodata is not None:
        numbers = np.where(numbers == image.nodata, numbers.dtype.type(0), numbers)
    if "c" in image.axes:
        numbers = np.moveaxis(numbers, image.axes.index("c"), -1)
        labels = _from_channels(numbers, image)
    else:
        labels = as_labels(numbers, str(path))
    if image.details.mask is not None:  # of rows and columns
        labels = np.where(image.details.mask(slice(None), slice(None)), labels, 0)
    return labels


def as_labels(labels: ArrayLike, name: str = "labels") -> np.ndarray:
    """Returns labels as int64, whatever integral type they come in.

    Args:
        labels: integers, booleans or integral floats; masked and NaN pixels have no label.
        name: name in messages.

    Returns:
        int64 array, 0 where there is no label.

    Raises:
        TypeError: if `labels` are no numbers.
        ValueError: if they are floats that are no integers, or beyond int64.

    Examples:
        >>> as_labels(np.array([True, False])).tolist()
        [1, 0]
        >>> as_labels(np.array([2.0, np.nan])).tolist()
        [2, 0]
    """
    if isinstance(labels, np.ma.MaskedArray):
        labels = labels.filled(0)
    numbers = np.asarray(labels)
    if numbers.dtype.kind == "f":
        known = np.where(np.isnan(numbers), 0, numbers)
        if not (np.isfinite(known).all() and (known == np.rint(known)).all()):
            raise ValueError(f"`{name}` must be whole numbers. Received: dtype={numbers.dtype}")
        numbers = known
    elif numbers.dtype.kind not in "biu":
        raise TypeError(f"`{name}` must be integers. Received: dtype={numbers.dtype}")
    if numbers.size and (numbers.max() > 2**63 - 1 if numbers.dtype.kind in "uf" else False):
        raise ValueError(f"`{name}` must lie within int64. Received: {numbers.max()}")
    return numbers.astype("int64")


def as_training_labels(labels: ArrayLike, name: str = "labels") -> np.ndarray:
    """Returns labels that a classifier learns from as int64, as `as_labels` does.

    Args:
        labels, name: as in `as_labels`.

    Returns:
        int64 array of at least 0, 0 where there is no label.

    Raises:
        TypeError: as `as_labels`.
        ValueError: as `as_labels`, and if a label is negative: elsewhere -1 means no label.

    Examples:
        >>> as_training_labels(np.array([2.0, np.nan])).tolist()
        [2, 0]
    """
    numbers = as_labels(labels, name)
    if numbers.size and numbers.min() < 0:
        raise ValueError(
            f"`{name}` must be at least 0, and 0 where there is no label. Received: "
            f"{numbers.min()}. Pass `labels + 1` where -1 is no label and 0 is a class, and else "
            "`np.maximum(labels, 0)`."
        )
    return numbers


def warn_of_soft_edges(labels: np.ndarray, name: str = "labels") -> None:
    """Warns of labels whose many rare classes are the soft edges of a few.

    An image of strokes that was smoothed, resampled or saved with loss has numbers between those
    of its classes along every edge.

    Args:
        labels: integers, 0 where there is no label.
        name: name in the message.

    Examples:
        >>> import warnings
        >>> edges = np.concatenate([np.full(500, 10), np.full(500, 30), np.arange(11, 30)])
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn_of_soft_edges(edges)
        >>> len(caught)
        1
    """
    classes, counts = np.unique(labels[labels != 0], return_counts=True)
    if len(classes) < 4:
        return
    rarer = np.sort(counts)[: len(counts) // 2]
    if rarer.sum() < _SOFT_SHARE * counts.sum():
        warnings.warn(
            f"`{name}` holds {len(classes)} classes, half of which have "
            f"{int(rarer.sum())} of {int(counts.sum())} labelled pixels: soft edges of strokes are "
            "classes of their own here. Draw or save strokes without smoothing.",
            stacklevel=3,
        )


def warn_of_void_class(labels: np.ndarray, name: str = "labels") -> None:
    """Warns of a class 255 beside classes of small numbers.

    Data sets of segmentation give 255 to pixels that are not labelled, and 0 to their first class.

    Args:
        labels: integers, 0 where there is no label.
        name: name in the message.

    Examples:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn_of_void_class(np.array([0, 1, 2, 255]))
        >>> len(caught)
        1
    """
    classes = np.unique(labels[labels != 0])
    if len(classes) > 1 and classes[-1] == _VOID and classes[-2] <= _FEW:
        warnings.warn(
            f"`{name}` holds {_VOID} beside {classes[:-1].tolist()}: it counts as a class. Only 0 "
            "is no label. Where 255 means that, replace it by 0, after adding 1 to the others if 0 "
            "is a class.",
            stacklevel=3,
        )


def class_colors(
    labels: np.ndarray, colors: Mapping[int, Sequence[int]] | None = None
) -> np.ndarray:
    """Returns the colours of classes.

    Args:
        labels: integers `(...)`.
        colors: class to its red, green and blue in 0..255. Other classes take `CLASS_COLORS` in
            turn.

    Returns:
        uint8 array `(..., 3)`.

    Examples:
        >>> class_colors(np.array([2, 8, 1]), {1: (255, 0, 0)}).tolist()
        [[0, 114, 178], [0, 114, 178], [255, 0, 0]]
    """
    labels = np.asarray(labels)
    result = np.array(CLASS_COLORS, "uint8")[(labels - 1) % len(CLASS_COLORS)]
    for number, color in (colors or {}).items():
        result[labels == number] = color
    return result


def write_labels(
    path: PathLike,
    labels: ArrayLike,
    like: Image | None = None,
    colors: Mapping[int, Sequence[int]] | None = None,
) -> Path:
    """Writes class numbers as an image of the smallest type that holds them all.

    Up to 255 classes have a palette of their colours. Where PNG has no room (larger or negative
    numbers, stacks), or the image has a georeference, a TIFF takes its place. The file is written
    whole or not at all.

    Args:
        path: path of the file, ending in `.png`, `.tif`, `.tiff` or `.npy`; or
            `image.zarr/labels/NAME`, a label image of an OME-Zarr image.
        labels: integers `(height, width)`, or of a stack with the axes of `like` but the channels.
        like: `Image` that was labelled, whose pixel size and georeference are kept.
        colors: as in `class_colors`.

    Returns:
        The path of the file, which ends in `.tif` where PNG had no room.

    Raises:
        ValueError: if `path` has another suffix, or `labels` are no integers.
        ImportError: if a TIFF is needed and tifffile is not installed.

    Examples:
        >>> path = write_labels("cells.png", np.array([[0, 70000]]))
        >>> path.name, read_labels(path).tolist()
        ('cells.tif', [[0, 70000]])
    """
    path, numbers = Path(path), smallest(as_labels(labels))
    if is_ome_label(path):
        values = np.unique(numbers[numbers != 0])
        drawn = class_colors(values.astype("int64"), colors).tolist()
        write_ome_labels(path, numbers, like, dict(zip(values.tolist(), drawn, strict=True)))
        return path
    return write_numbers(path, numbers, like, class_colors(np.arange(1, 256), colors))


def smallest(labels: np.ndarray) -> np.ndarray:
    """Returns integers in the smallest type that holds them: unsigned unless one is negative.

    Args:
        labels: integers.

    Examples:
        >>> [smallest(np.array([part])).dtype.name for part in (255, 256, 70000, -1)]
        ['uint8', 'uint16', 'uint32', 'int8']
    """
    if not labels.size:
        return labels.astype("uint8")
    low, high = int(labels.min()), int(labels.max())
    return labels.astype(np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high)))


def labels_of_colors(pixels: np.ndarray, opacity: np.ndarray | None = None) -> np.ndarray:
    """Returns the classes whose colours pixels have.

    Args:
        pixels: uint8 array `(..., 3)` of red, green and blue.
        opacity: uint8 array `(...)`; pixels of less than a quarter have no label. None is opaque.

    Returns:
        int64 array `(...)`: `n` in the nth of `CLASS_COLORS`, up to a difference of 12 in each
        channel; 0 in any other colour.

    Examples:
        >>> labels_of_colors(np.uint8([[213, 94, 0], [0, 120, 170], [255, 255, 255]])).tolist()
        [1, 2, 0]
    """
    numbers = pixels.astype("int32")
    labels = np.zeros(numbers.shape[:-1], "int64")
    for number, color in enumerate(np.array(CLASS_COLORS), start=1):
        labels[np.abs(numbers - color).max(axis=-1) <= _TOLERANCE] = number
    if opacity is not None:
        labels[opacity < _LEAST_ALPHA] = 0
    return labels


def _from_channels(numbers: np.ndarray, image: Image) -> np.ndarray:
    """The labels of an image with channels: grey in each, or strokes in the colours of classes."""
    alpha = image.details.alpha
    count = numbers.shape[-1]
    if alpha is None and count == 4 and numbers.dtype == np.uint8:
        alpha = 3
    colors = [index for index in range(count) if index != alpha]
    grey = numbers[..., colors[:1]]
    if (numbers[..., colors] == grey).all():
        labels = as_labels(grey[..., 0], image.name)
        return labels if alpha is None else np.where(numbers[..., alpha] == 0, 0, labels)
    if len(colors) != 3 or numbers.dtype != np.uint8:
        raise ValueError(
            f"{image.name} has {count} channels of {numbers.dtype}: labels are one channel of "
            "numbers, or strokes in colours of 8 bits."
        )
    opacity = None if alpha is None else numbers[..., alpha]
    return labels_of_colors(numbers[..., colors], opacity)
