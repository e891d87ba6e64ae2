"""What single codes mean: the pixels that use each most, with their surroundings."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from umbed_keras.plots._matplotlib import SHADES, new_figure, ring


def atom_gallery(images, indices, coefficients=None, atoms=8, examples=8, window=48):
    """Draws, for the most used atoms, pixels of many images that use each most, an atom a row.

    An atom and its negative are two rows, "+" and "-": what lies along an atom and what lies
    opposite look different. A row shows the strongest pixel of each image, strongest first; where
    images are too few, then each one's next, not within a window of those shown. The pixel is
    marked in the middle of its surroundings, which are reflected at the image's borders. Beside
    the row stands the share of all places that use the atom.

    The strength of a use is the coefficient's magnitude. A codebook's codes have none; there it
    is the share of the window around that has the same code, which leads into the middle of where
    a code is at home.

    Args:
        images: `(n, height, width, channels)`, uint8 or floats in 0..1, of 1 or 3 channels.
        indices: integers `(n, rows, cols)`, or `(n, rows, cols, sparsity)`, the atoms of each
            place: a pixel, or a square of pixels, whose side divides height and width.
        coefficients: floats like `indices`, or None; an atom of coefficient 0 is not used.
        atoms: int, rows at most.
        examples: int, pixels of each row at most.
        window: int, height and width of what is cut out, in pixels.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: `indices` that are no integers.
        ValueError: arrays of other shapes, or numbers below 1.
    """
    images, indices = np.asarray(images), np.asarray(indices)
    coefficients = None if coefficients is None else np.asarray(coefficients)
    side = _check(images, indices, coefficients)
    _check_integers(atoms=atoms, examples=examples, window=window)
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    reach = -(-window // side)  # in places
    found = [
        (name, share, _strongest(strength, examples, reach))
        for name, share, strength in _most_used(indices, coefficients, atoms, reach)
    ]
    rows = max(len(found), 1)
    figure, axes = new_figure(rows, examples, examples + 0.8, rows)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for row, (name, share, places) in zip(axes, found, strict=False):
        beside = {"transform": row[0].transAxes, "ha": "right"}
        row[0].text(-0.1, 0.52, name, va="bottom", **beside)
        row[0].text(-0.1, 0.46, f"{share:.2g} %", va="top", color="0.4", fontsize=8, **beside)
        for axis, (image, *place) in zip(row, places, strict=False):
            middle = [at * side + side // 2 for at in place]
            axis.imshow(_cut_out(images[image], *middle, window), **SHADES)
            ring(axis, window // 2, window // 2)
    return figure


def _most_used(indices, coefficients, atoms, reach):
    """Yields names, shares of use in % and strengths `(n, rows, cols)` of the most used atoms."""
    indices = indices.astype("int32").reshape(*indices.shape[:3], -1)
    if coefficients is None:
        signed, magnitudes = indices, np.ones(indices.shape, "float32")
    else:
        coefficients = coefficients.reshape(indices.shape)
        # The complement of an index, negative, is the atom's negative.
        signed, magnitudes = np.where(coefficients < 0, ~indices, indices), np.abs(coefficients)
    codes, counts = np.unique(signed[magnitudes > 0], return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:atoms]:
        code, share = codes[place], 100 * counts[place] / indices[..., 0].size
        strength = np.where(signed == code, magnitudes, 0).sum(axis=-1)
        if coefficients is None:
            name, strength = f"code {code}", strength * _sum_around(strength, reach)
        else:
            name = f"atom {code} +" if code >= 0 else f"atom {~code} −"  # noqa: RUF001
        yield name, share, strength


def _sum_around(values, size):
    """The sum in a window around each place, `(n, rows, cols)`; outside are zeros."""
    for axis in (1, 2):
        pads = [(0, 0)] * 3
        pads[axis] = size // 2, (size - 1) // 2
        values = sliding_window_view(np.pad(values, pads), size, axis).sum(axis=-1)
    return values


def _strongest(strength, count, apart):
    """Image, row and column of at most `count` places, rounds of each image's strongest.

    Places of one image differ by at least `apart` in row or column, and strength is above 0.
    """
    strength, found = strength.copy(), []
    while len(found) < count and strength.any():
        best = strength.reshape(len(strength), -1).argmax(axis=1)
        rows, cols = np.unravel_index(best, strength.shape[1:])
        values = strength[np.arange(len(strength)), rows, cols]
        order = np.argsort(-values, kind="stable")
        order = order[values[order] > 0][: count - len(found)]
        for image, row, col in zip(order, rows[order], cols[order], strict=True):
            found.append((image, row, col))
            near = [slice(max(at - apart + 1, 0), at + apart) for at in (row, col)]
            strength[image, *near] = 0
    return found


def _cut_out(image, row, col, window):
    """The window with a pixel at row and column `window // 2`, reflected at the borders."""
    places = [
        np.pad(np.arange(size), window, mode="reflect")[window + at - window // 2 :][:window]
        for at, size in zip((row, col), image.shape, strict=False)
    ]
    return np.squeeze(image[np.ix_(*places)], axis=() if image.shape[-1] == 3 else -1)


def _check(images, indices, coefficients):
    """Raises unless the arrays go together; gives the side of the square that a code stands for."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "`images` must have shape (n, height, width, channels) with 1 or 3 channels. "
            f"Received: shape={images.shape}"
        )
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"`indices` must be integers. Received: dtype={indices.dtype}")
    sides = {
        size // places if places and size % places == 0 else None
        for size, places in zip(images.shape[1:3], indices.shape[1:3], strict=False)
    }
    whole = len(sides) == 1 and None not in sides
    if indices.ndim not in (3, 4) or len(indices) != len(images) or not whole:
        raise ValueError(
            "`indices` must have shape (n, rows, cols) or (n, rows, cols, sparsity), where rows "
            "and cols are height and width of `images`, or both divided by one integer. "
            f"Received: shape={indices.shape} for images of shape {images.shape}"
        )
    if coefficients is not None and coefficients.shape != indices.shape:
        raise ValueError(
            f"`coefficients` must have the shape of `indices`, {indices.shape}. "
            f"Received: shape={coefficients.shape}"
        )
    return sides.pop()


def _check_integers(**numbers):
    """Raises ValueError unless each is an integer of at least 1."""
    for name, value in numbers.items():
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"`{name}` must be an integer >= 1. Received: {value!r}")
