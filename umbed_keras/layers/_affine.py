"""The affine maps of Keras's layers, bias and all in one pass over memory."""

from keras import backend, ops


def weights(layer, dtype):
    """The kernel and the bias of a Dense or Conv2D, cast to the type that it computes in."""
    return [
        weight if weight is None else ops.cast(ops.convert_to_tensor(weight), dtype)
        for weight in (layer.kernel, layer.bias)
    ]


def dense(inputs, kernel, bias=None):
    """`inputs @ kernel + bias`, all of one dtype."""
    if backend.backend() == "torch":
        import torch

        return torch.nn.functional.linear(inputs, kernel.T, bias)
    outputs = ops.matmul(inputs, kernel)
    return outputs if bias is None else outputs + bias


def convolution(inputs, kernel, bias=None, strides=1, dilation_rate=1):
    """Convolves `(batch, height, width, channels)` without padding.

    Args:
        inputs, kernel, bias: as in `keras.layers.Conv2D`, all of one dtype.
        strides, dilation_rate: ints.
    """
    if backend.backend() == "torch":
        import torch

        outputs = torch.nn.functional.conv2d(
            inputs.permute(0, 3, 1, 2),
            kernel.permute(3, 2, 0, 1),
            bias,
            stride=strides,
            dilation=dilation_rate,
        )
        return outputs.permute(0, 2, 3, 1)
    outputs = ops.conv(inputs, kernel, strides, "valid", dilation_rate=dilation_rate)
    return outputs if bias is None else outputs + bias
