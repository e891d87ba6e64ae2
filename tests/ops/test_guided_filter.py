"""The guided filter, against loops over windows in float64."""

import numpy as np
import pytest
from keras import backend, ops

from umbed_keras.backend.exporting import sum_windows
from umbed_keras.ops import guided_filter
from umbed_keras.ops.guided_filter import _window_sums, filter_by_sums


def windows(height, width, radius):
    """Slices of the window around each pixel."""
    for row, col in np.ndindex(height, width):
        rows = slice(max(0, row - radius), row + radius + 1)
        yield row, col, (rows, slice(max(0, col - radius), col + radius + 1))


def ridge_regressions(guide, values, radius, epsilon):
    """He, Sun & Tang's filter: in each window a ridge regression, and the mean of their answers."""
    guide, values = guide.astype("float64"), values.astype("float64")
    height, width, channels = guide.shape
    slopes = np.empty((height, width, channels, values.shape[-1]))
    offsets = np.empty(values.shape)
    for row, col, window in windows(height, width, radius):
        inputs = guide[window].reshape(-1, channels)
        outputs = values[window].reshape(len(inputs), -1)
        centre, level = inputs.mean(0), outputs.mean(0)
        squares = (inputs - centre).T @ (inputs - centre) / len(inputs) + epsilon * np.eye(channels)
        products = (inputs - centre).T @ (outputs - level) / len(inputs)
        slopes[row, col] = np.linalg.solve(squares, products)
        offsets[row, col] = level - centre @ slopes[row, col]
    result = np.empty(values.shape)
    for row, col, window in windows(height, width, radius):
        slope = slopes[window].mean((0, 1))
        result[row, col] = guide[row, col] @ slope + offsets[window].mean((0, 1))
    return result


def arrays(height, width, channels, maps):
    """A guide with edges and noise, and values with some of the edges."""
    random = np.random.default_rng(0)
    guide = random.normal(0.5, 0.1, (height, width, channels))
    guide[:, width // 2 :] += 0.3
    values = random.uniform(0, 0.2, (height, width, maps))
    values[:, width // 2 :, ::2] += 0.5
    return guide.astype("float32"), values.astype("float32")


def bound(rounding, radius, epsilon, guide, values):
    """Rounding of a window's covariance, as it passes through slopes to the result."""
    spread = np.ptp(guide)
    covariance = rounding(4 * radius + 2, spread * np.ptp(values))
    return covariance / epsilon * spread + rounding(4 * radius + 2, values)


@pytest.mark.parametrize(
    ("size", "channels", "radius"),
    [((9, 14), 1, 2), ((12, 7), 3, 3), ((6, 5), 5, 1), ((5, 8), 2, 9), ((1, 6), 1, 1)],
)
def test_ridge_regressions_in_windows(size, channels, radius, rounding):
    guide, values = arrays(*size, channels, maps=2)
    epsilon = 0.01
    actual = guided_filter(guide, values, radius, epsilon)
    expected = ridge_regressions(guide, values, radius, epsilon)
    atol = bound(rounding, radius, epsilon, guide, values)
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=0, atol=atol)


@pytest.mark.torch_alone
def test_a_batch_is_filtered_image_by_image():
    pairs = [arrays(8, 9, 3, 2), [part[::-1] for part in arrays(8, 9, 3, 2)]]
    guides, values = (np.stack(parts) for parts in zip(*pairs, strict=True))
    together = ops.convert_to_numpy(guided_filter(guides, values, 2, 1e-3))
    for index, (guide, value) in enumerate(pairs):
        alone = ops.convert_to_numpy(guided_filter(guide, value, 2, 1e-3))
        np.testing.assert_allclose(together[index], alone, atol=1e-6)


def test_tiles_with_a_halo_of_two_radii_equal_the_whole():
    guide, values = arrays(60, 70, 3, 2)
    whole = ops.convert_to_numpy(guided_filter(guide, values, 5, 3e-4))
    view = (slice(10, 50), slice(15, 60))
    tile = ops.convert_to_numpy(guided_filter(guide[view], values[view], 5, 3e-4))
    np.testing.assert_allclose(tile[10:-10, 10:-10], whole[20:40, 25:50], atol=1e-5)


@pytest.mark.torch_alone
def test_pixels_of_weight_0_do_not_count(rounding):
    guide, values = arrays(10, 24, 3, 2)
    weights = np.zeros((10, 24), bool)
    weights[:, :9], weights[:4, 15:] = True, True  # farther apart than four radii
    spoilt = np.where(weights[..., None], guide, 9).astype("float32")
    result = ops.convert_to_numpy(guided_filter(spoilt, values, 1, 0.01, weights))
    for view in ((slice(10), slice(9)), (slice(4), slice(15, 24))):
        alone = ops.convert_to_numpy(guided_filter(guide[view], values[view], 1, 0.01))
        atol = bound(rounding, 1, 0.01, spoilt, values)
        np.testing.assert_allclose(result[view], alone, rtol=0, atol=atol)
    assert not result[8, 20].any()
    with pytest.raises(ValueError, match=r"`weights` must have shape \(10, 24\)"):
        guided_filter(guide, values, 1, 0.01, weights[:5])


def test_long_lines_lose_no_digits(rounding):
    """Sums over whole lines would have 1e6 units of the last place of a window."""
    guide = np.full((1, 200_000, 1), 1000.0, "float32")
    values = np.tile(np.float32([[0], [1]]), (100_000, 1))[None]
    result = ops.convert_to_numpy(guided_filter(guide, values, 1, 1.0))[0, 2:-2, 0]
    # Every mean of three is 1/3 or 2/3, and those of their means 4/9 or 5/9.
    expected = np.tile([4 / 9, 5 / 9], 99_998)
    np.testing.assert_allclose(result, expected, atol=rounding(6))


def test_constants_and_linear_functions_of_the_guide_stay(rounding):
    guide, _ = arrays(20, 20, 3, 1)
    values = np.stack([np.full((20, 20), 0.7), guide @ [0.2, -0.5, 0.4] + 0.3], -1)
    result = ops.convert_to_numpy(guided_filter(guide, values.astype("float32"), 4, 1e-6))
    np.testing.assert_allclose(result[..., 0], 0.7, atol=rounding(18))
    # The penalty shrinks slopes by its share of the variance, 0.01.
    np.testing.assert_allclose(result[..., 1], values[..., 1], atol=1e-3)


@pytest.mark.skipif(backend.backend() != "torch", reason="PyTorch's own path")
def test_the_fast_path_of_pytorch_equals_the_plain_and_the_exported_one(rounding):
    guide, values = map(ops.convert_to_tensor, arrays(40, 30, 3, 4))
    fast = guided_filter(guide, values, 4, 1e-3)
    weights = ops.ones_like(guide[..., 0])

    def plain(planes):
        return [_window_sums(plane, 4) for plane in planes]

    def exported(planes):
        return [plane[0] for plane in sum_windows([plane[None] for plane in planes], 4, 6)]

    atol = bound(rounding, 4, 1e-3, *map(ops.convert_to_numpy, (guide, values)))
    for sums in (plain, exported):
        result = filter_by_sums(guide, values, weights, sums, 1e-3)
        np.testing.assert_allclose(fast, result, rtol=0, atol=atol)


@pytest.mark.skipif(backend.backend() != "torch", reason="PyTorch's gradients")
def test_gradients_pass():
    import torch

    inputs = arrays(6, 5, 2, 1)
    tensors = [torch.tensor(part, requires_grad=True) for part in inputs]
    guided_filter(*tensors, 1, 0.01)[2, 3].sum().backward()
    for index, tensor in enumerate(tensors):
        step = np.zeros(inputs[index].shape)
        step[3, 2, 0] = 1e-5
        ahead, behind = (
            [part + sign * step * (other == index) for other, part in enumerate(inputs)]
            for sign in (1, -1)
        )
        ahead, behind = (ridge_regressions(*pair, 1, 0.01)[2, 3, 0] for pair in (ahead, behind))
        expected = (ahead - behind) / 2e-5
        assert float(tensor.grad[3, 2, 0]) == pytest.approx(expected, rel=1e-2, abs=1e-4)


def test_wrong_arguments_are_named():
    guide, values = arrays(6, 5, 3, 1)
    with pytest.raises(ValueError, match=r"`guide` and `values` must have shapes"):
        guided_filter(guide[:5], values, 2, 1e-3)
    with pytest.raises(ValueError, match=r"Received: \(6, 5\)"):
        guided_filter(guide[..., 0], values[..., 0], 2, 1e-3)
    with pytest.raises(TypeError, match=r"`guide` must be floats.*uint8"):
        guided_filter(guide.astype("uint8"), values, 2, 0.1)
    with pytest.raises(ValueError, match="`radius`"):
        guided_filter(guide, values, 0, 1e-3)
    with pytest.raises(ValueError, match=r"`epsilon` must be above 0\. Received: 0"):
        guided_filter(guide, values, 1, 0)


def test_many_maps_are_filtered_as_each(rounding):
    guide, values = arrays(9, 14, 2, maps=5)
    actual = guided_filter(guide, values, 2, 0.01)
    each = [guided_filter(guide, values[..., index : index + 1], 2, 0.01) for index in range(5)]
    expected = ops.convert_to_numpy(ops.concatenate(each, axis=-1))
    np.testing.assert_allclose(
        ops.convert_to_numpy(actual), expected, atol=rounding(1000, expected)
    )
