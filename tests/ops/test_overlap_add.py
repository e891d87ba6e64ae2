"""Overlapping patches averaged to images, against loops over their pixels."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.ops import overlap_add, patch_pyramid
from umbed_keras.ops.overlap_add import coverage, overlap_sum


def loops(patches, rows, cols, height, width):
    """The average in float64, pixel by pixel; 0 where no patch is."""
    batch, pixels, patch, _, channels = patches.shape
    sums = np.zeros((batch, height, width, channels))
    counts = np.zeros((batch, height, width, 1))
    for image, pixel, down, right in np.ndindex(batch, pixels, patch, patch):
        row = rows[image, pixel] - patch // 2 + down
        col = cols[image, pixel] - patch // 2 + right
        if 0 <= row < height and 0 <= col < width:
            sums[image, row, col] += patches[image, pixel, down, right]
            counts[image, row, col] += 1
    return sums / np.maximum(counts, 1)


def all_pixels(height, width, batch):
    """Rows and columns `(batch, height * width)` of every pixel."""
    pixels = np.indices((height, width)).reshape(2, 1, -1)
    return tuple(np.broadcast_to(pixels, (2, batch, height * width)))


@pytest.mark.torch_alone
@pytest.mark.parametrize(
    ("height", "width", "patch", "pixels"),
    [(1, 1, 2, 1), (3, 2, 8, 6), (20, 16, 4, 60)],
)
def test_average_of_patches_round_pixels_anywhere(height, width, patch, pixels, rounding):
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((2, pixels, patch, patch, 3)).astype("float32")
    rows, cols = rng.integers(0, height, (2, pixels)), rng.integers(0, width, (2, pixels))
    actual = ops.convert_to_numpy(overlap_add(patches, rows, cols, height, width))
    expected = loops(patches, rows, cols, height, width)
    np.testing.assert_allclose(actual, expected, atol=rounding(pixels, expected))


def test_pixels_that_no_patch_covers_are_zero():
    actual = ops.convert_to_numpy(overlap_add(np.ones((1, 1, 2, 2, 1)), [[0]], [[3]], 3, 5))
    np.testing.assert_array_equal(actual[0, ..., 0], [[0, 0, 1, 1, 0], [0] * 5, [0] * 5])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (11, 8)])
def test_an_image_comes_back_from_its_own_patches(height, width, rounding):
    images = np.random.default_rng(0).random((2, height, width, 3), "float32")
    rows, cols = all_pixels(height, width, 2)
    patches = patch_pyramid(images, rows, cols, 4, 1)[:, :, 0]
    actual = ops.convert_to_numpy(overlap_add(patches, rows, cols, height, width))
    np.testing.assert_allclose(actual, images, atol=rounding(4 * 4, images))


@pytest.mark.parametrize(("height", "width", "patch"), [(1, 1, 4), (3, 10, 8)])
def test_sum_over_coverage_is_the_average_over_all_pixels(height, width, patch, rounding):
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((2, height, width, patch, patch, 3)).astype("float32")
    half = patch // 2
    sums = ops.convert_to_numpy(overlap_sum(ops.convert_to_tensor(patches)))
    assert sums.shape == (2, height + patch - 1, width + patch - 1, 3)
    inside = sums[:, half : half + height, half : half + width]
    counts = np.outer(*(ops.convert_to_numpy(coverage(size, patch)) for size in (height, width)))
    flat = patches.reshape(2, height * width, patch, patch, 3)
    rows, cols = all_pixels(height, width, 2)
    averages = ops.convert_to_numpy(overlap_add(flat, rows, cols, height, width))
    expected = loops(flat, rows, cols, height, width)
    tolerance = rounding(patch**2, expected)
    np.testing.assert_allclose(averages, expected, atol=tolerance)
    np.testing.assert_allclose(inside / counts[..., None], expected, atol=tolerance)


def test_sum_of_a_block_keeps_what_lies_outside_it():
    patches = np.arange(2 * 4, dtype="float32").reshape(1, 1, 2, 2, 2, 1)
    actual = ops.convert_to_numpy(overlap_sum(ops.convert_to_tensor(patches)))[0, ..., 0]
    np.testing.assert_array_equal(actual, [[0, 1 + 4, 5], [2, 3 + 6, 7]])


def test_gradient_shares_a_pixel_among_its_patches(gradients):
    patches, weights = np.ones((1, 2, 2, 2, 1), "float32"), np.float32([[1, 2, 3], [4, 5, 6]])

    def weighted_sum(patches):
        image = overlap_add(patches, [[1, 1]], [[1, 2]], 2, 3)[0, ..., 0]
        return ops.sum(ops.multiply(image, weights))

    (actual,) = gradients(weighted_sum, patches)
    # Both patches cover the middle column.
    expected = [[[1, 1], [4, 2.5]], [[1, 3], [2.5, 6]]]
    np.testing.assert_array_equal(actual[0, ..., 0], expected)


def test_compiles(compiled, rounding):
    rng = np.random.default_rng(0)
    patches = rng.standard_normal((2, 30, 4, 4, 3)).astype("float32")
    rows, cols = rng.integers(0, 9, (2, 30)), rng.integers(0, 7, (2, 30))
    function = compiled(lambda *tensors: overlap_add(*tensors, 9, 7))
    actual = function(*map(ops.convert_to_tensor, (patches, rows, cols)))
    expected = loops(patches, rows, cols, 9, 7)
    actual = ops.convert_to_numpy(actual)
    np.testing.assert_allclose(actual, expected, atol=rounding(30, expected))


@pytest.mark.parametrize(
    ("patches", "rows", "cols"),
    [
        ((5, 4, 4, 3), (1, 5), (1, 5)),
        ((1, 5, 4, 2, 3), (1, 5), (1, 5)),
        ((1, 5, 3, 3, 3), (1, 5), (1, 5)),
        ((1, 5, 4, 4, 3), (1, 4), (1, 4)),
        ((1, 5, 4, 4, 3), (1, 5), (1, 4)),
        ((2, 5, 4, 4, 3), (5,), (5,)),
    ],
    ids=str,
)
def test_shapes_that_do_not_match_are_value_errors(patches, rows, cols):
    with pytest.raises(ValueError, match="must have shape"):
        overlap_add(np.ones(patches), np.zeros(rows, int), np.zeros(cols, int), 8, 8)


@pytest.mark.parametrize("name", ["rows", "cols"])
@pytest.mark.parametrize(
    ("wrong", "error"), [([[-1]], ValueError), ([[6]], ValueError), ([[1.5]], TypeError)]
)
def test_pixels_that_are_no_pixels_are_refused(name, wrong, error):
    positions = {"rows": [[1]], "cols": [[2]], name: wrong}
    with pytest.raises(error, match=f"`{name}` must"):
        overlap_add(np.ones((1, 1, 2, 2, 3), "float32"), **positions, height=6, width=6)
    with pytest.raises(error, match=f"`{name}` must"):
        patch_pyramid(np.ones((1, 6, 6, 3), "float32"), **positions, patch_size=2, levels=1)


def test_integers_are_refused():
    # Their sums would overflow.
    patches = np.full((1, 2, 2, 2, 1), 200, "uint8")
    with pytest.raises(TypeError, match=r"`patches` must be floats.*uint8"):
        overlap_add(patches, [[1, 1]], [[1, 1]], 2, 2)
