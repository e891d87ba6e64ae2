"""The patch pyramid against windows cut and averaged one by one in float64."""

import numpy as np
import pytest
from keras import ops

from umbed_keras.ops import patch_pyramid


def bounce(position, size):
    """Where a walk to `position` ends if it turns round at the ends of the axis."""
    if size == 1:
        return 0
    while not 0 <= position < size:
        position = -position if position < 0 else 2 * (size - 1) - position
    return position


def block_means(window, size):
    """Means over `size x size` blocks of `(side, side, channels)`."""
    blocks = len(window) // size
    return window.reshape(blocks, size, blocks, size, -1).mean(axis=(1, 3))


def expected_patches(image, row, col, patch_size, levels):
    """`(levels, patch_size, patch_size, channels)` of one pixel, by reflected indices."""
    height, width, _ = image.shape
    patches = []
    for level in range(levels):
        reach = patch_size // 2 * 2**level
        down = [bounce(position, height) for position in range(row - reach, row + reach)]
        right = [bounce(position, width) for position in range(col - reach, col + reach)]
        patches.append(block_means(image[down][:, right].astype("float64"), 2**level))
    return np.stack(patches)


def pixels_of(height, width, batch, count=40, seed=0):
    """Rows and columns `(batch, count + 4)`: the corners, then random pixels."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0, 0], [0, width - 1], [height - 1, 0], [height - 1, width - 1]])
    random = rng.integers(0, (height, width), (batch, count, 2))
    pixels = np.concatenate([np.broadcast_to(corners, (batch, 4, 2)), random], axis=1)
    return pixels[..., 0], pixels[..., 1]


@pytest.fixture
def assert_pyramid(rounding):
    """`assert_pyramid(images, patch_size, levels, function)`: its patches are those expected."""

    def check(images, patch_size, levels, function=patch_pyramid):
        rows, cols = pixels_of(*images.shape[1:3], len(images))
        actual = ops.convert_to_numpy(function(images, rows, cols, patch_size, levels))
        dtype = "float64" if images.dtype == "float64" else "float32"
        assert actual.dtype == dtype
        assert actual.shape == (*rows.shape, levels, patch_size, patch_size, images.shape[-1])
        tolerance = rounding(4 ** (levels - 1), images, dtype)
        pixels = np.stack([rows, cols], axis=2)
        for image, patches, chosen in zip(images, actual, pixels, strict=True):
            expected = [expected_patches(image, *pixel, patch_size, levels) for pixel in chosen]
            np.testing.assert_allclose(patches, expected, atol=tolerance)

    return check


@pytest.mark.parametrize(
    ("shape", "patch_size", "levels"),
    [((30, 37, 1), 2, 1), ((64, 70, 3), 2, 4), ((64, 70, 3), 8, 3)],
)
def test_windows_are_averaged_over_blocks(assert_pyramid, shape, patch_size, levels):
    assert_pyramid(np.random.default_rng(0).random((2, *shape), "float32"), patch_size, levels)


@pytest.mark.torch_alone
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 3), (7, 13)], ids=str)
def test_images_smaller_than_the_window_reflect_again_and_again(assert_pyramid, shape):
    assert_pyramid(np.random.default_rng(0).random((2, *shape, 3), "float32"), 8, 3)


def test_borders_are_those_of_numpy(rounding):
    image = np.random.default_rng(0).random((20, 24, 3), "float32")
    actual = ops.convert_to_numpy(patch_pyramid(image[None], [[0, 19]], [[0, 23]], 8, 2))[0]
    padded = np.pad(image.astype("float64"), ((8, 8), (8, 8), (0, 0)), mode="reflect")
    for (row, col), patches in zip([(0, 0), (19, 23)], actual, strict=True):
        fine = padded[row + 4 : row + 12, col + 4 : col + 12]
        coarse = block_means(padded[row : row + 16, col : col + 16], 2)
        np.testing.assert_allclose(patches, [fine, coarse], atol=rounding(4))


def test_integers_are_averaged_as_float32(assert_pyramid):
    images = np.random.default_rng(0).integers(0, 256, (2, 30, 20, 3), "uint8")
    assert_pyramid(images, 4, 3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floating_images_keep_their_type(dtype):
    images = ops.cast(np.full((1, 9, 9, 3), 0.5, "float32"), dtype)
    patches = patch_pyramid(images, [[4, 0]], [[4, 8]], 4, 2)
    assert ops.dtype(patches) == dtype
    assert (ops.convert_to_numpy(patches) == 0.5).all()


def test_float64_is_averaged_in_float64(float64, assert_pyramid):
    images = np.random.default_rng(0).random((1, 20, 30, 3))
    assert_pyramid(images, 8, 3)


def test_gradient_counts_how_often_a_pixel_is_seen(gradients):
    image = np.random.default_rng(0).random((1, 5, 6, 1), "float32")
    (actual,) = gradients(lambda image: ops.sum(patch_pyramid(image, [[0]], [[3]], 4, 1)), image)
    expected = np.zeros((5, 6))
    for row in range(-2, 2):
        for col in range(1, 5):
            expected[bounce(row, 5), bounce(col, 6)] += 1
    np.testing.assert_array_equal(actual[0, ..., 0], expected)


def test_compiles(compiled, assert_pyramid):
    def function(images, rows, cols, patch_size, levels):
        pyramid = compiled(lambda *tensors: patch_pyramid(*tensors, patch_size, levels))
        return pyramid(*map(ops.convert_to_tensor, (images, rows, cols)))

    assert_pyramid(np.random.default_rng(0).random((2, 20, 9, 3), "float32"), 4, 3, function)


@pytest.mark.parametrize(
    "change",
    [
        {"patch_size": 3},
        {"patch_size": 0},
        {"patch_size": True},
        {"patch_size": 2.5},
        {"levels": 0},
        {"levels": 1.5},
        {"levels": True},
        {"images": np.ones((8, 8, 3))},
        {"rows": np.array([1])},
        {"cols": np.array([1])},
    ],
    ids=str,
)
def test_invalid_arguments_are_value_errors(change):
    pixels = np.array([[1]])
    arguments = {"images": np.ones((1, 8, 8, 3)), "rows": pixels, "cols": pixels}
    with pytest.raises(ValueError, match=f"`{next(iter(change))}`"):
        patch_pyramid(**{**arguments, "patch_size": 4, "levels": 2, **change})
