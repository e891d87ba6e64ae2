"""Against NumPy and SciPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.signal import correlate

from umbed_keras.backend.affine import (
    _corner_convolutions,
    _shifted_products,
    cast_weights,
    convolution,
    dense,
    depthwise_convolution,
    double_resolution,
    relu6_in_place,
)

numpy = ops.convert_to_numpy


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("biased", [True, False])
def test_dense(biased, rounding):
    inputs, kernel = normal(2, 5, 7), normal(7, 4, seed=1)
    bias = normal(4, seed=2) if biased else None
    tensors = [part if part is None else ops.convert_to_tensor(part) for part in (kernel, bias)]
    outputs = numpy(dense(ops.convert_to_tensor(inputs), *tensors))
    expected = inputs.astype("float64") @ kernel + (bias if biased else 0)
    np.testing.assert_allclose(outputs, expected, atol=rounding(7, expected))


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize(("strides", "dilation_rate"), [(1, 1), (2, 1), (1, 3)])
def test_convolution(strides, dilation_rate, biased, rounding):
    inputs, kernel = normal(2, 11, 13, 3), normal(3, 3, 3, 4, seed=1)
    bias = normal(4, seed=2) if biased else None
    tensors = [part if part is None else ops.convert_to_tensor(part) for part in (kernel, bias)]
    outputs = numpy(convolution(ops.convert_to_tensor(inputs), *tensors, strides, dilation_rate))
    spaced = np.zeros((*[2 * dilation_rate + 1] * 2, 3, 4))
    spaced[::dilation_rate, ::dilation_rate] = kernel
    expected = [
        np.concatenate([correlate(image, spaced[..., unit], "valid") for unit in range(4)], axis=2)
        for image in inputs.astype("float64")
    ]
    expected = np.stack(expected)[:, ::strides, ::strides] + (bias if biased else 0)
    np.testing.assert_allclose(outputs, expected, atol=rounding(3 * 3 * 3, expected))


def test_convolution_pads_with_zeros(rounding):
    inputs, kernel = normal(2, 6, 7, 3), ops.convert_to_tensor(normal(3, 3, 3, 4, seed=1))
    padded = np.pad(inputs, ((0, 0), (2, 2), (2, 2), (0, 0)))
    outputs = convolution(ops.convert_to_tensor(inputs), kernel, padding=2)
    expected = numpy(convolution(ops.convert_to_tensor(padded), kernel))
    tolerance = rounding(3 * 3 * 3, expected)
    np.testing.assert_allclose(numpy(outputs), expected, atol=tolerance)


@pytest.mark.parametrize("convolve", [depthwise_convolution, _shifted_products])
@pytest.mark.parametrize("size", [(6, 7), (1, 2)], ids=str)
@pytest.mark.parametrize(("kernel_size", "strides"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_convolution(convolve, kernel_size, strides, size, rounding):
    inputs, bias = normal(2, *size, 3), normal(3, seed=2)
    kernel = normal(kernel_size, kernel_size, 3, 1, seed=1)
    outputs = numpy(convolve(*map(ops.convert_to_tensor, (inputs, kernel, bias)), strides))
    padded = np.pad(inputs.astype("float64"), ((0, 0), *[(kernel_size // 2,) * 2] * 2, (0, 0)))
    expected = [
        [correlate(image[..., c], kernel[..., c, 0], "valid") for c in range(3)] for image in padded
    ]
    expected = np.moveaxis(expected, 1, 3)[:, ::strides, ::strides] + bias
    np.testing.assert_allclose(outputs, expected, atol=rounding(kernel_size**2, expected))


@pytest.mark.parametrize("strides", [1, 2])
def test_shifted_products_are_summed_in_float32(strides):
    inputs, kernel, bias = normal(1, 9, 9, 4), normal(5, 5, 4, 1, seed=1), normal(4, seed=2)
    halves = [ops.cast(ops.convert_to_tensor(part), "bfloat16") for part in (inputs, kernel, bias)]
    outputs = _shifted_products(*halves, strides)
    assert ops.dtype(outputs) == "bfloat16"
    expected = _shifted_products(*(ops.cast(part, "float32") for part in halves), strides)
    rounded = ops.cast(ops.cast(expected, "bfloat16"), "float32")
    np.testing.assert_array_equal(numpy(ops.cast(outputs, "float32")), numpy(rounded))


def test_relu6():
    inputs = np.linspace(-3, 9, 13, dtype="float32")
    np.testing.assert_array_equal(numpy(relu6_in_place(ops.array(inputs))), np.clip(inputs, 0, 6))


@pytest.mark.parametrize("upsample", [double_resolution, _corner_convolutions])
@pytest.mark.parametrize("size", [(5, 6), (1, 1)], ids=str)
def test_double_resolution_is_the_transposed_convolution(upsample, size, rounding):
    inputs, kernel, bias = normal(2, *size, 3), normal(4, 4, 5, 3, seed=1), normal(5, seed=2)
    outputs = numpy(upsample(*map(ops.convert_to_tensor, (inputs, kernel, bias))))
    # Each input pixel adds the kernel, its first row and column cut off at the border.
    height, width = size
    expected = np.zeros((2, 2 * height + 2, 2 * width + 2, 5))
    for row in range(height):
        for col in range(width):
            stamps = np.einsum("bc,ijoc->bijo", inputs[:, row, col].astype("float64"), kernel)
            expected[:, 2 * row : 2 * row + 4, 2 * col : 2 * col + 4] += stamps
    expected = expected[:, 1:-1, 1:-1] + bias
    np.testing.assert_allclose(outputs, expected, atol=rounding(2 * 2 * 3, expected))


def test_weights_come_in_the_type_asked_for():
    layer = keras.layers.Dense(4, use_bias=False)
    layer.build((None, 3))
    kernel, bias = cast_weights(layer, "bfloat16")
    assert ops.dtype(kernel) == "bfloat16"
    assert bias is None
