"""Cuts images into tiles that give what the whole would."""

import numpy as np
from keras import ops

from umbed_keras.ops.reflect import reflect_index


def tiles(images, tile_size, stride, radius, reach):
    """Tiles of images and what each must see of its surroundings.

    Args:
        images: array `(batch, height, width, channels)`, uint8 or floats, on the host.
        tile_size: int, multiple of `stride`.
        stride: int; a tile's view begins and ends at multiples of it, beyond the image by
            reflection.
        radius: int, multiple of `stride`, how far a view reaches beyond its tile.
        reach: int, pixels of reflected surroundings, one less below and to the right.

    Yields:
        The tile's place in `(batch, height, width)`, its view and its surrounded self as float32
        arrays, and the row and column at which it begins in its view.
    """
    batch, height, width, _ = images.shape
    # As many whole images at once as make up a tile.
    together = max(1, tile_size**2 // (height * width))
    for first in range(0, max(batch, 1), together):
        part = images[first : first + together]
        for rows in _spans(height, tile_size):
            for cols in _spans(width, tile_size):
                view_rows = _view(*rows, height, stride, radius)
                view_cols = _view(*cols, width, stride, radius)
                surroundings = [(start - reach, stop + reach - 1) for start, stop in (rows, cols)]
                yield (
                    np.s_[first : first + together, slice(*rows), slice(*cols)],
                    window(part, view_rows, view_cols),
                    window(part, *surroundings),
                    rows[0] - view_rows[0],
                    cols[0] - view_cols[0],
                )


def window(images, rows, cols):
    """A window of images as float32 in 0..1, reflected where it leaves them.

    Args:
        images: array `(batch, height, width, channels)`, uint8 or floats.
        rows, cols: pairs of ints, start and stop; may lie outside the images.
    """
    for axis, (start, stop) in ((1, rows), (2, cols)):
        size = images.shape[axis]
        if start < 0 or stop > size:
            places = reflect_index(np.arange(start, stop, dtype="int32"), size)
            images = np.take(images, ops.convert_to_numpy(places), axis=axis)
        else:
            images = images[(slice(None),) * axis + (slice(start, stop),)]
    return images.astype("float32") / 255 if images.dtype == np.uint8 else images


def _spans(size, tile_size):
    return [(start, min(start + tile_size, size)) for start in range(0, size, tile_size)]


def _view(start, stop, size, stride, radius):
    """The rows or columns that those from start to stop depend on."""
    end = min(stop + -stop % stride + radius, size + -size % stride)
    return max(start - radius, 0), end
