"""Random images, and checks of images that were read."""

import numpy as np


def numbers(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    if np.dtype(dtype) == bool:
        return random.integers(0, 2, shape).astype(bool)
    bounds = np.iinfo(dtype)
    return random.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)


def assert_reads(image, expected, axes):
    """An image has these axes and numbers, whole and by windows."""
    expected = np.asarray(expected)
    assert (image.axes, image.shape, image.dtype) == (axes, expected.shape, expected.dtype)
    np.testing.assert_array_equal(np.asarray(image), expected)
    window = tuple(
        slice(size // 4, max(size // 2, size // 4 + 1)) if axis in "yx" else slice(None)
        for axis, size in image.sizes.items()
    )
    np.testing.assert_array_equal(image[window], expected[window])
    plane = tuple(size - 1 for size in image.plane_shape)
    index = dict(zip(image.plane_axes, plane, strict=True))
    rest = expected[tuple(index.get(axis, slice(None)) for axis in axes)]
    left = [axis for axis in axes if axis in "cyx"]
    rest = rest[..., None] if "c" not in left else np.moveaxis(rest, left.index("c"), -1)
    read = image.read(window[axes.index("y")], window[axes.index("x")], plane)
    rest = rest[window[axes.index("y")], window[axes.index("x")]][..., list(image.channels)]
    np.testing.assert_array_equal(read, rest)
