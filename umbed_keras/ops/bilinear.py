"""Bilinear upsampling of feature maps, whole or at chosen pixels."""

from collections.abc import Sequence

from keras import backend, ops

from umbed_keras.typing import Tensor


def enlarge(features: Tensor, stride: int) -> Tensor:
    """Upsamples feature maps by an integer factor, with half-pixel centres.

    Position `i` of the map is the centre of pixels `stride * i` to `stride * (i + 1) - 1`. Pixels
    beyond the outermost centres take the value of the outermost position.

    Args:
        features: floating tensor `(batch, height, width, channels)`.
        stride: int, upsampling factor, at least 1.

    Returns:
        Tensor of shape `(batch, height * stride, width * stride, channels)` and the dtype of
        `features`.

    Examples:
        >>> features = keras.ops.reshape(keras.ops.convert_to_tensor([0.0, 4.0]), (1, 1, 2, 1))
        >>> keras.ops.convert_to_numpy(enlarge(features, 2))[0, 0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    _, height, width, _ = ops.shape(features)
    if backend.backend() == "tensorflow" and (stride % 2 or None in features.shape[1:3]):
        # Keras's resize needs known sizes, and under XLA TensorFlow's gives other values for an
        # odd factor.
        for axis, size, shape in ((1, height, (-1, 1, 1)), (2, width, (-1, 1))):
            pixels = ops.arange(stride * size, dtype="int32")
            features = sum(
                ops.reshape(weight, shape) * ops.take(features, positions, axis=axis)
                for positions, weight in _neighbours(pixels, stride, size, features.dtype)
            )
        return features
    return ops.image.resize(
        features,
        (height * stride, width * stride),
        interpolation="bilinear",
        data_format="channels_last",
    )


def sum_enlarged(maps: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """Upsamples feature maps to the same size as `enlarge` does, and adds them.

    Args:
        maps: float32 tensors `(batch, height / stride, width / stride, channels)`, one or more.
        strides: ints, the upsampling factor of each map.

    Returns:
        float32 tensor `(batch, height, width, channels)`.

    Examples:
        >>> maps = [keras.ops.ones((1, 4, 2, 3)), keras.ops.ones((1, 2, 1, 3))]
        >>> keras.ops.convert_to_numpy(sum_enlarged(maps, (4, 8)))[0, :, 0, 0].tolist()
        [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """
    if backend.backend() == "torch":
        from umbed_keras.ops._torch_enlarge import applicable, sum_in_torch

        if applicable(maps, strides):
            return sum_in_torch(maps, strides)
    total = None
    for features, stride in zip(maps, strides, strict=True):
        enlarged = enlarge(features, stride)
        if total is None:
            total = enlarged
        else:
            total += enlarged  # in place on PyTorch
    return total


def enlarged_at(features: Tensor, stride: int, rows: Tensor, cols: Tensor) -> Tensor:
    """Computes the values of `enlarge` at chosen pixels only.

    Args:
        features: floating tensor `(batch, height, width, channels)`.
        stride: int, upsampling factor, at least 1.
        rows: int32 tensor `(batch, pixels)`, from 0 to `height * stride - 1`.
        cols: int32 tensor `(batch, pixels)`, from 0 to `width * stride - 1`.

    Returns:
        Tensor of shape `(batch, pixels, channels)` and the dtype of `features`.

    Examples:
        >>> features = keras.ops.reshape(keras.ops.convert_to_tensor([0.0, 4.0]), (1, 1, 2, 1))
        >>> rows, cols = (keras.ops.convert_to_tensor([x], "int32") for x in ([0, 1], [1, 3]))
        >>> keras.ops.convert_to_numpy(enlarged_at(features, 2, rows, cols))[0, :, 0].tolist()
        [1.0, 4.0]
    """
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (-1, channels))
    image = ops.arange(batch, dtype="int32")[:, None]
    values = 0.0
    for row, row_weight in _neighbours(rows, stride, height, features.dtype):
        for col, col_weight in _neighbours(cols, stride, width, features.dtype):
            index = (image * height + row) * width + col
            weight = (row_weight * col_weight)[..., None]
            values = values + weight * ops.take(flat, index, axis=0)
    return values


def _neighbours(pixels: Tensor, stride: int, size: int, dtype: str):
    """Returns the two nearest positions along an axis for each pixel, each with its weight."""
    # In half pixels the distance between a pixel's centre and a position's is an exact integer.
    doubled = 2 * pixels + 1 - stride
    before = doubled // (2 * stride)
    weight = ops.cast(doubled - 2 * stride * before, dtype) / (2 * stride)
    last = size - 1
    return (
        (ops.clip(before, 0, last), 1 - weight),
        (ops.clip(before + 1, 0, last), weight),
    )
