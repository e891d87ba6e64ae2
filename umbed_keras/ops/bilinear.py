"""Coarse maps read between their places, by bilinear interpolation with half-pixel centres."""

from keras import backend, ops


def enlarge(features, stride):
    """A map `(batch, height, width, channels)` at `stride` times its resolution.

    Place `i` of the map stands for the middle of pixels `stride * i ... stride * (i + 1) - 1`;
    beyond the outermost middles the outermost places hold.
    """
    _, height, width, _ = ops.shape(features)
    if backend.backend() == "tensorflow" and (stride % 2 or None in features.shape[1:3]):
        # Keras's own needs to know the sizes, and TensorFlow's, under XLA, answers otherwise where
        # the factor is odd.
        for axis, size, shape in ((1, height, (-1, 1, 1)), (2, width, (-1, 1))):
            pixels = ops.arange(stride * size, dtype="int32")
            features = sum(
                ops.reshape(share, shape) * ops.take(features, places, axis=axis)
                for places, share in _neighbours(pixels, stride, size, features.dtype)
            )
        return features
    return ops.image.resize(
        features,
        (height * stride, width * stride),
        interpolation="bilinear",
        data_format="channels_last",
    )


def enlarged_at(features, stride, rows, cols):
    """What `enlarge` gives at chosen pixels alone: `(batch, pixels, channels)`.

    Args:
        features: floating `(batch, height, width, channels)`.
        stride: int.
        rows, cols: int32 `(batch, pixels)`, inside the enlarged map.
    """
    batch, height, width, channels = ops.shape(features)
    flat = ops.reshape(features, (-1, channels))
    image = ops.arange(batch, dtype="int32")[:, None]
    found = 0.0
    for row, row_share in _neighbours(rows, stride, height, features.dtype):
        for col, col_share in _neighbours(cols, stride, width, features.dtype):
            places = (image * height + row) * width + col
            share = (row_share * col_share)[..., None]
            found = found + share * ops.take(flat, places, axis=0)
    return found


def _neighbours(pixels, stride, size, dtype):
    """The two places of a map's axis round each pixel, and the share that each has in it."""
    # In halves of a pixel, exact: where a pixel's middle lies between the places' middles.
    doubled = 2 * pixels + 1 - stride
    before = doubled // (2 * stride)
    share = ops.cast(doubled - 2 * stride * before, dtype) / (2 * stride)
    last = size - 1
    return (
        (ops.clip(before, 0, last), 1 - share),
        (ops.clip(before + 1, 0, last), share),
    )
