"""Reflection at borders against NumPy's and against a walk that bounces."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.ops.reflect import reflect_index, reflect_pad


def bounce(position, size):
    """Where a walk to `position` ends if it turns round at the ends of the axis."""
    if size == 1:
        return 0
    while not 0 <= position < size:
        position = -position if position < 0 else 2 * (size - 1) - position
    return position


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_index_bounces_between_the_ends(size):
    positions = np.arange(-40, size + 40)
    actual = ops.convert_to_numpy(reflect_index(ops.convert_to_tensor(positions), size))
    np.testing.assert_array_equal(actual, [bounce(position, size) for position in positions])


@pytest.mark.parametrize("size", [2, 9, 41])
def test_index_is_that_of_numpy(size):
    beyond = size - 1
    positions = ops.arange(-beyond, size + beyond)
    expected = np.pad(np.arange(size), beyond, mode="reflect")
    np.testing.assert_array_equal(ops.convert_to_numpy(reflect_index(positions, size)), expected)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((3, 2), (0, 5)), ((9, 9), (11, 11))], ids=str)
def test_pad_of_a_large_image_is_that_of_numpy(pads, dtype):
    images = np.random.default_rng(0).integers(0, 256, (2, 10, 12, 3)).astype(dtype)
    actual = ops.convert_to_numpy(reflect_pad(ops.convert_to_tensor(images), *pads))
    assert actual.dtype == dtype
    np.testing.assert_array_equal(actual, np.pad(images, ((0, 0), *pads, (0, 0)), mode="reflect"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 3), (7, 13), (4, 40)], ids=str)
def test_pad_beyond_the_image_bounces(shape):
    images = np.random.default_rng(0).random((2, *shape, 3), "float32")
    actual = ops.convert_to_numpy(reflect_pad(ops.convert_to_tensor(images), (16, 15), (8, 7)))
    rows = [bounce(row, shape[0]) for row in range(-16, shape[0] + 15)]
    cols = [bounce(col, shape[1]) for col in range(-8, shape[1] + 7)]
    np.testing.assert_array_equal(actual, images[:, rows][:, :, cols])
