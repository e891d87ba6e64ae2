"""Enlarged maps against SciPy's interpolation in float64."""

import numpy as np
import pytest
from keras import backend, ops
from scipy.ndimage import map_coordinates

from umbed_keras.ops.bilinear import enlarge, enlarged_at, sum_enlarged

numpy = ops.convert_to_numpy


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def expected(features, stride):
    """Upsamples by linear interpolation in float64, at the centre of every pixel."""
    axes = [(np.arange(size * stride) + 0.5) / stride - 0.5 for size in features.shape[1:3]]
    middles = np.meshgrid(*axes, indexing="ij")
    channels = [
        [map_coordinates(channel, middles, order=1, mode="nearest") for channel in image]
        for image in np.moveaxis(features.astype("float64"), 3, 1)
    ]
    return np.moveaxis(channels, 1, 3)


def shuffled_pixels(features, stride):
    """All rows and cols of the enlarged map, in another order for each image."""
    height, width = (size * stride for size in features.shape[1:3])
    orders = [np.random.default_rng(seed).permutation(height * width) for seed in (0, 1)]
    return [axis.astype("int32") for axis in np.unravel_index(orders, (height, width))]


@pytest.mark.parametrize(
    ("stride", "size"),
    [(1, (5, 7)), (2, (5, 7)), (3, (5, 7)), (4, (5, 7)), (16, (3, 2)), (4, (1, 3)), (4, (1, 1))],
    ids=str,
)
def test_all_pixels_and_chosen_ones(stride, size, compiled, rounding):
    features = noise(2, *size, 3)
    rows, cols = shuffled_pixels(features, stride)

    def both(features, rows, cols):
        return enlarge(features, stride), enlarged_at(features, stride, rows, cols)

    whole, chosen = compiled(both)(*map(ops.convert_to_tensor, (features, rows, cols)))
    want = expected(features, stride)
    index = [[0], [1]], rows, cols
    tolerance = rounding(4, features)
    np.testing.assert_allclose(numpy(whole), want, rtol=0, atol=tolerance)
    np.testing.assert_allclose(numpy(chosen), want[index], rtol=0, atol=tolerance)
    np.testing.assert_allclose(numpy(chosen), numpy(whole)[index], rtol=0, atol=tolerance)


@pytest.mark.parametrize("strides", [(4, 8, 16), (4,), (16,), (12, 24), (2, 4), (3,)], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1)], ids=str)
def test_sums_of_enlarged_maps(strides, size, rounding):
    sizes = [[side * strides[-1] // stride for side in size] for stride in strides]
    maps = [noise(2, *map_size, 3) for map_size in sizes]
    want = sum(expected(features, stride) for features, stride in zip(maps, strides, strict=True))
    tensors = [ops.convert_to_tensor(features) for features in maps]
    tolerance = rounding(4 * len(maps), want)
    actual = sum_enlarged(tensors, strides)
    np.testing.assert_allclose(numpy(actual), want, rtol=0, atol=tolerance)
    for features, before in zip(tensors, maps, strict=True):
        np.testing.assert_array_equal(numpy(features), before)


@pytest.mark.skipif(backend.backend() != "torch", reason="its gradients take the plain path")
def test_gradients_of_sums():
    import torch

    maps = [torch.ones(1, 4, 4, 1, requires_grad=True), torch.ones(1, 2, 2, 1, requires_grad=True)]
    sum_enlarged(maps, (4, 8)).sum().backward()
    # Each position has the weight of its pixels.
    assert [float(features.grad.sum()) for features in maps] == [256, 256]


def test_outside_of_a_graph(rounding):
    features = ops.convert_to_tensor(noise(2, 5, 3, 4))
    rows, cols = shuffled_pixels(features, 2)
    whole, chosen = numpy(enlarge(features, 2)), numpy(enlarged_at(features, 2, rows, cols))
    index = [[0], [1]], rows, cols
    np.testing.assert_allclose(chosen, whole[index], rtol=0, atol=rounding(4, features))


@pytest.mark.skipif(backend.backend() != "tensorflow", reason="only its graphs have free sizes")
def test_maps_of_sizes_that_are_not_known(rounding):
    import tensorflow as tf

    features = noise(2, 5, 7, 3)
    signature = [tf.TensorSpec((None, None, None, 3), tf.float32)]
    free = tf.function(lambda features: enlarge(features, 4), input_signature=signature)
    np.testing.assert_allclose(free(features), expected(features, 4), atol=rounding(4, features))
