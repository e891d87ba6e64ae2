"""OME-Zarr (version 0.5, https://ngff.openmicroscopy.org/0.5/): images in several levels."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_VERSION = "0.5"


def finest_level(
    multiscales: Sequence[Mapping[str, Any]],
) -> tuple[str, str, list[float], list[str | None]]:
    """Reads the metadata of the finest level of a multiscale image, of any version of OME-Zarr.

    Args:
        multiscales: the value of the attribute `multiscales`.

    Returns:
        The path of the level's array in the group; the first letters of its axes; the size of a
        pixel along each axis; and the unit along each axis, None where there is none.

    Examples:
        >>> metadata = multiscale_metadata(["c", "y", "x"], (0.5, 0.5), "micrometer", levels=2)
        >>> finest_level(metadata["ome"]["multiscales"])
        ('0', 'cyx', [1.0, 0.5, 0.5], [None, 'micrometer', 'micrometer'])
    """
    image, finest = multiscales[0], multiscales[0]["datasets"][0]
    # Before version 0.4 axes were plain names; before 0.3 there were always five.
    axes = [
        axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", "tczyx")
    ]
    scale = np.ones(len(axes))
    for level in (image, finest):
        for transformation in level.get("coordinateTransformations", ()):
            if transformation["type"] == "scale":
                scale = scale * transformation["scale"]
    letters = "".join(axis["name"][0] for axis in axes)
    return finest["path"], letters, scale.tolist(), [axis.get("unit") for axis in axes]


def level_count(height: int, width: int, smallest: int) -> int:
    """Returns how many levels an image has, each of half the size of the one before.

    Args:
        height: int, in pixels.
        width: int, in pixels.
        smallest: int, in pixels. The last level is the first that is no larger on either side.

    Returns:
        Int of at least 1.

    Examples:
        >>> level_count(1000, 700, smallest=256)
        3
    """
    return 1 + max(0, math.ceil(math.log2(max(height, width) / smallest)))


def level_size(size: Sequence[int], level: int) -> tuple[int, ...]:
    """Returns the size of a level of an image.

    Args:
        size: ints, height and width of the image.
        level: int; 0 is the image itself.

    Returns:
        Tuple of ints, height and width.

    Examples:
        >>> level_size((1000, 701), 1)
        (500, 351)
    """
    return tuple(-(-side // 2**level) for side in size)


def multiscale_metadata(
    axes: Sequence[str], scale: Sequence[float], unit: str | None, levels: int
) -> dict[str, Any]:
    """Returns the attributes of a group of levels, in arrays named by their numbers.

    Args:
        axes: list of str out of c, y and x.
        scale: two floats, size of a pixel along y and x.
        unit: str, unit of `scale`, or None.
        levels: int, number of levels.

    Returns:
        Dictionary that JSON represents.

    Examples:
        >>> metadata = multiscale_metadata(["y", "x"], (0.5, 0.5), "micrometer", levels=2)
        >>> metadata["ome"]["multiscales"][0]["datasets"][1]["coordinateTransformations"][0]
        {'type': 'scale', 'scale': [1.0, 1.0]}
    """
    space = {"type": "space", **({"unit": unit} if unit else {})}
    kinds = {"c": {"type": "channel"}, "y": space, "x": space}
    sizes = np.array([dict(zip("yx", scale, strict=True)).get(axis, 1.0) for axis in axes])
    halved = np.array([axis != "c" for axis in axes])
    datasets = []
    for level in range(levels):
        steps = np.where(halved, 2**level, 1)
        # The centre of a pixel lies between the centres of those that it is the mean of.
        transformations = [
            {"type": "scale", "scale": (sizes * steps).tolist()},
            {"type": "translation", "translation": (sizes * (steps - 1) / 2).tolist()},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    multiscale = {"axes": [{"name": axis, **kinds[axis]} for axis in axes], "datasets": datasets}
    if levels > 1:
        multiscale |= {"type": "mean", "metadata": {"description": "means of 2 x 2 pixels"}}
    return {"ome": {"version": _VERSION, "multiscales": [multiscale]}}


def pool(array: Any, rows: slice, cols: slice) -> np.ndarray:
    """Computes a part of the next level of an array: means of 2 x 2 pixels.

    In the last row or column of an odd size the means are of the pixels that exist.

    Args:
        array: Zarr array `(..., height, width)`, which is read in small pieces.
        rows: slice of the next level.
        cols: slice of the next level.

    Returns:
        Float32 array `(rows, cols, ...)`.

    Examples:
        >>> import zarr
        >>> array = zarr.create_array("a.zarr", data=np.arange(6.0).reshape(1, 2, 3))
        >>> pool(array, slice(0, 1), slice(0, 2))[..., 0].tolist()
        [[2.0, 3.5]]
    """
    shape = (rows.stop - rows.start, cols.stop - cols.start, *array.shape[:-2])
    pooled = np.empty(shape, "float32")
    step = array.chunks[-2]
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        part = array[..., 2 * start : 2 * stop, 2 * cols.start : 2 * cols.stop]
        part = np.moveaxis(part.astype("float32"), (-2, -1), (0, 1))
        pooled[start - rows.start : stop - rows.start] = _pair_means(_pair_means(part, 0), 1)
    return pooled


def _pair_means(part: np.ndarray, axis: int) -> np.ndarray:
    """Returns the means of pairs along an axis; a last one without a partner is kept."""
    part = np.moveaxis(part, axis, 0)
    means = part[::2].copy()
    pairs = len(part) // 2
    means[:pairs] = (means[:pairs] + part[1::2]) / 2
    return np.moveaxis(means, 0, axis)
