"""OME-Zarr (version 0.5, https://ngff.openmicroscopy.org/0.5/): images in several levels."""

import math

import numpy as np

VERSION = "0.5"


def finest_level(multiscales):
    """What the metadata of a multiscale image, of any version, say of its finest level.

    Returns:
        The path of its array in the group; its axes' first letters; the sizes of a pixel along
        them; and their units, None where there is none.
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


def level_count(height, width, smallest):
    """How many levels, each of half the size, there are until one is no larger than `smallest`."""
    return 1 + max(0, math.ceil(math.log2(max(height, width) / smallest)))


def level_size(size, level):
    """Height and width of a level of an image of a size."""
    return tuple(-(-side // 2**level) for side in size)


def metadata(axes, scale, unit, levels):
    """The attributes of a group of levels, in arrays named by their numbers.

    Args:
        axes: list of str out of c, y and x.
        scale: pair of floats, size of a pixel along y and x.
        unit: str or None.
        levels: int.
    """
    space = {"type": "space", **({"unit": unit} if unit else {})}
    kinds = {"c": {"type": "channel"}, "y": space, "x": space}
    sizes = np.array([dict(zip("yx", scale, strict=True)).get(axis, 1.0) for axis in axes])
    halved = np.array([axis != "c" for axis in axes])
    datasets = []
    for level in range(levels):
        steps = np.where(halved, 2**level, 1)
        # The middle of a pixel lies between those that it is the mean of.
        transformations = [
            {"type": "scale", "scale": (sizes * steps).tolist()},
            {"type": "translation", "translation": (sizes * (steps - 1) / 2).tolist()},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    multiscale = {"axes": [{"name": axis, **kinds[axis]} for axis in axes], "datasets": datasets}
    if levels > 1:
        multiscale |= {"type": "mean", "metadata": {"description": "means of 2 x 2 pixels"}}
    return {"ome": {"version": VERSION, "multiscales": [multiscale]}}


def pool(array, rows, cols):
    """Part of the next level of an array: means of 2 x 2 pixels, of fewer at odd ends.

    Args:
        array: Zarr array `(..., height, width)`, which is read in small pieces.
        rows, cols: slices of the next level.

    Returns:
        float32 array `(rows, cols, ...)`.
    """
    shape = (rows.stop - rows.start, cols.stop - cols.start, *array.shape[:-2])
    pooled = np.empty(shape, "float32")
    step = array.chunks[-2]
    for start in range(rows.start, rows.stop, step):
        stop = min(start + step, rows.stop)
        part = array[..., 2 * start : 2 * stop, 2 * cols.start : 2 * cols.stop]
        part = np.moveaxis(part.astype("float32"), (-2, -1), (0, 1))
        pooled[start - rows.start : stop - rows.start] = _mean(_mean(part, 0), 1)
    return pooled


def _mean(part, axis):
    """Means of pairs along an axis; the last without a partner stays as it is."""
    part = np.moveaxis(part, axis, 0)
    means = part[::2].copy()
    pairs = len(part) // 2
    means[:pairs] = (means[:pairs] + part[1::2]) / 2
    return np.moveaxis(means, 0, axis)
