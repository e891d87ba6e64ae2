"""Images as the mean of the overlapping patches of all their pixels."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.models.pixel_embedder.overlapping_patches import (
    average_in_blocks,
    average_overlaps,
)
from umbed_keras.ops.overlap_add import overlap_sum

PATCH = 4


def random_patches(height, width):
    random = np.random.default_rng(0)
    return random.random((2, height, width, PATCH, PATCH, 3), dtype="float32")


def mean_image(patches):
    """Averages the patches of one image pixel by pixel, in float64."""
    height, width = patches.shape[:2]
    sums, counts = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for row, col, down, right in np.ndindex(patches.shape[:4]):
        pixel = row + down - PATCH // 2, col + right - PATCH // 2
        if 0 <= pixel[0] < height and 0 <= pixel[1] < width:
            sums[pixel] += patches[row, col, down, right]
            counts[pixel] += 1
    return sums / counts


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (11, 6)], ids=str)
def test_the_mean_of_all_patches(size):
    patches = random_patches(*size)
    expected = np.stack([mean_image(image) for image in patches])
    actual = ops.convert_to_numpy(average_overlaps(overlap_sum(patches), PATCH))
    # Sums of 16 values in 0..1 and a division, each rounded by 2^-24.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=17 * 2**-24)


@pytest.mark.parametrize("block_pixels", [1, 20, 1000])
def test_blocks_do_not_change_the_mean(block_pixels):
    patches = random_patches(11, 6)
    expected = ops.convert_to_numpy(average_overlaps(overlap_sum(patches), PATCH))
    # A dictionary of arrays, as codes are.
    actual = average_in_blocks(
        lambda block: overlap_sum(ops.convert_to_tensor(block["patches"])),
        {"patches": patches},
        PATCH,
        channels=3,
        block_pixels=block_pixels,
    )
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=0, atol=17 * 2**-24)
