"""Cuts images into tiles that give what the whole would."""

import numpy as np
from keras import ops

from umbed_keras.ops.reflect import reflect_index


def tiles(images, tile_size, stride, radius, reach):
    """Tiles of images and what each must see of its surroundings.

    Args:
        images: array `(batch, height, width, channels)`, uint8 or floats, on the host.
        tile_size: int, multiple of `stride`.
        stride, radius, reach: as in `tile`.

    Yields:
        The tile's place in `(batch, height, width)`, slices, and what `tile` gives there.
    """
    batch, height, width, _ = images.shape
    # As many whole images at once as make up a tile.
    together = max(1, tile_size**2 // (height * width))
    for first in range(0, max(batch, 1), together):
        chosen = slice(first, first + together)
        for rows in spans(height, tile_size):
            for cols in spans(width, tile_size):
                place = (chosen, slice(*rows), slice(*cols))
                yield place, tile(images, place, stride, radius, reach)


def tile(images, place, stride, radius, reach):
    """What a tile must see of its surroundings to give what the whole image would.

    Args:
        images: array `(batch, height, width, channels)`, uint8 or floats, on the host.
        place: slices of batch, rows and columns; the latter begin at multiples of `stride`.
        stride: int; a tile's view begins and ends at multiples of it, beyond the image by
            reflection.
        radius: int, multiple of `stride`, how far a view reaches beyond its tile.
        reach: int, pixels of reflected surroundings, one less below and to the right.

    Returns:
        The view of the tile and its surrounded self as float32 arrays, and the row and column at
        which it begins in its view.
    """
    chosen, *inside = place
    sides = list(zip(inside, images.shape[1:3], strict=True))
    views = [_view(side.start, side.stop, size, stride, radius) for side, size in sides]
    surroundings = [(side.start - reach, side.stop + reach - 1) for side in inside]
    begins = [side.start - view[0] for side, view in zip(inside, views, strict=True)]
    return window(images, chosen, *views), window(images, chosen, *surroundings), *begins


def window(images, chosen, rows, cols):
    """A window of images as float32 in 0..1, reflected where it leaves them.

    Args:
        images: array `(batch, height, width, channels)`, uint8 or floats. Of an array on disk no
            more is read than the window.
        chosen: slice of the batch.
        rows, cols: pairs of ints, start and stop; may lie outside the images.
    """
    places = [
        ops.convert_to_numpy(reflect_index(np.arange(*span, dtype="int32"), size))
        for span, size in zip((rows, cols), images.shape[1:3], strict=True)
    ]
    region = images[(chosen, *(slice(axis.min(), axis.max() + 1) for axis in places))]
    for axis, positions in enumerate(places, start=1):
        if len(positions) != region.shape[axis] or (np.diff(positions) != 1).any():
            region = np.take(region, positions - positions.min(), axis=axis)
    return region.astype("float32") / 255 if region.dtype == np.uint8 else region


def spans(size, tile_size):
    """The starts and stops of the tiles along an axis."""
    return [(start, min(start + tile_size, size)) for start in range(0, size, tile_size)]


def _view(start, stop, size, stride, radius):
    """The rows or columns that those from start to stop depend on."""
    end = min(stop + -stop % stride + radius, size + -size % stride)
    return max(start - radius, 0), end
