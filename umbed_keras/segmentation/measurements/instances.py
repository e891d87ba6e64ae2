"""Instances: the single objects of a mask of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from umbed_keras.extras import import_extra
from umbed_keras.segmentation.measurements.masks import as_mask, pixel_sizes
from umbed_keras.typing import ArrayLike, PathLike

# What `split=True` means. On nuclei, smaller values leave more of them in one piece, and larger
# ones break more of them.
_NECK = 0.8
# Standard deviation, in pixels, of the filter of distances: borders of masks are ragged.
_SIGMA = 1.0
# Digits to which logarithms of distances are compared.
_DIGITS = 6


def instances(
    mask: PathLike | ArrayLike,
    min_size: int = 0,
    split: bool | float = False,
    background: Sequence[int] = (0,),
    axes: str | None = None,
    pixel_size: float | Mapping[str, float] | None = None,
) -> np.ndarray:
    """Numbers the objects of a mask: the connected regions of each class.

    Pixels are connected if they touch, along an edge or at a corner. Objects of different classes
    are never one. Planes along z are one volume; each time is a mask by itself.

    Objects that touch are divided at their necks, if `split` says so, by a watershed of the
    distance to the border (Vincent & Soille 1991). Its markers are the maxima of the distance that
    are left when each is lowered by a share of itself, so that the rule is the same for objects of
    any size.

    Args:
        mask: integers, the class of each pixel, `(height, width)` or with `axes`; or the path of a
            file of them.
        min_size: objects of fewer pixels are left out.
        split: False leaves connected regions whole. A float between 0 and 1 divides a region
            where it is narrower than this share of its width on both sides. True is 0.8.
        background: classes that are no objects.
        axes: axes of `mask`, of `"t"`, `"z"`, `"y"` and `"x"`; None for two axes.
        pixel_size: size of a pixel along every axis, or axis to size, by which distances are
            measured where pixels are not as deep as wide; None is 1.

    Returns:
        int32 array with the axes of `mask`: 0 outside of objects, and the numbers 1, 2, ... inside,
        in the order of the objects' first pixels.

    Raises:
        TypeError: if `mask` holds no numbers.
        ValueError: if `mask` holds numbers that are no integers, `axes` does not fit it, `split` is
            neither a bool nor between 0 and 1, or `min_size` is negative.
        ImportError: if scikit-image is not installed.

    Examples:
        >>> mask = np.zeros((7, 15), int)
        >>> mask[1:6, 1:6] = mask[1:6, 7:12] = 2
        >>> mask[3, 6], mask[3, 13] = 2, 5
        >>> uk.segmentation.instances(mask)[3].tolist()  # one neck, two classes
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 0]
        >>> uk.segmentation.instances(mask, min_size=2, split=True)[1].tolist()
        [0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 2, 0, 0, 0]
    """
    neck = _NECK if split is True else float(split)
    if split is not False and not 0 < neck < 1:
        raise ValueError(f"`split` must be a bool or between 0 and 1. Received: {split}")
    if min_size < 0:
        raise ValueError(f"`min_size` must be at least 0. Received: {min_size}")
    classes, letters = as_mask(mask, axes)
    sizes = pixel_sizes(pixel_size, letters)
    classes = np.where(np.isin(classes, list(background)), 0, classes)
    result = np.zeros(classes.shape, "int32")
    time = letters.find("t")
    for index in range(classes.shape[time] if time >= 0 else 1):
        frame = (slice(None),) * time + (index,) if time >= 0 else ...
        numbers = _split(classes[frame], neck, sizes) if split else _connected(classes[frame])
        counts = np.bincount(numbers.ravel())
        counts[0] = 0
        large = np.flatnonzero(counts >= max(1, min_size))
        table = np.zeros(len(counts), "int32")
        table[large] = np.arange(1, len(large) + 1) + result.max(initial=0)
        result[frame] = table[numbers]
    return result


def _connected(classes: np.ndarray) -> np.ndarray:
    """The connected regions of equal classes, numbered in the order of their first pixels."""
    label = import_extra("skimage.measure", "segmentation").label
    # Numbers of classes may not fit into the integers that scikit-image computes with.
    values, dense = np.unique(classes, return_inverse=True)
    dense = dense.reshape(classes.shape).astype("int32")
    zero = np.searchsorted(values, 0)
    has_zero = zero < len(values) and values[zero] == 0
    return label(dense, background=int(zero) if has_zero else -1, connectivity=classes.ndim)


def _split(classes: np.ndarray, neck: float, sizes: Mapping[str, float]) -> np.ndarray:
    """The regions of equal classes, divided at necks, numbered in the order of first pixels."""
    watershed = import_extra("skimage.segmentation", "segmentation").watershed
    spacing = list(sizes.values())
    regions = np.zeros(classes.shape, "int32")
    for value in np.unique(classes[classes != 0]):
        inside = classes == value
        distances = ndimage.distance_transform_edt(inside, sampling=spacing)
        distances = ndimage.gaussian_filter(distances, _SIGMA * min(spacing) / np.array(spacing))
        markers = _markers(np.log(np.maximum(distances, min(spacing) / 2)), inside, -np.log(neck))
        pieces = watershed(-distances, markers, mask=inside)
        regions[inside] = pieces[inside] + regions.max(initial=0)
    return _in_order(regions)


def _markers(heights: np.ndarray, inside: np.ndarray, depth: float) -> np.ndarray:
    """The regional maxima that are left after heights are lowered by `depth`, numbered."""
    morphology = import_extra("skimage.morphology", "segmentation")
    label = import_extra("skimage.measure", "segmentation").label
    heights = np.where(inside, heights, heights.min() - 2 * depth)
    footprint = np.ones((3,) * heights.ndim)
    lowered = morphology.reconstruction(heights - depth, heights, footprint=footprint)
    # Plateaus that differ by rounding are one.
    maxima = morphology.local_maxima(np.round(lowered, _DIGITS), connectivity=heights.ndim)
    return label(maxima & inside, connectivity=heights.ndim)


def _in_order(regions: np.ndarray) -> np.ndarray:
    """The same regions, numbered in the order of their first pixels."""
    values, first = np.unique(regions, return_index=True)
    table = np.zeros(int(values[-1]) + 1, "int32")
    objects = values[values != 0]
    table[objects[np.argsort(first[values != 0])]] = np.arange(1, len(objects) + 1)
    return table[regions]
