"""Figure of what single codes mean: the pixels that use each most, with their surroundings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from umbed_keras.ops.checks import check_integers
from umbed_keras.plots._matplotlib import SHADES, draw_ring, new_figure, unit_floats
from umbed_keras.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Red, green and blue of the positions that use an atom, opaque from this quantile of strength on.
COLOUR, STRONG = (0.84, 0.1, 0.11), 0.9
# Grey level of black in the image below.
PALE = 0.45


def atom_gallery(
    images: ArrayLike,
    indices: ArrayLike,
    coefficients: ArrayLike | None = None,
    atoms: int = 8,
    examples: int = 8,
    window: int = 48,
    map_of: int | None = None,
) -> "Figure":
    """Draws the pixels that use an atom most, one row for each of the most used atoms.

    An atom and its negative get separate rows, "+" and "-": image content along an atom looks
    different from content opposite to it. A row shows the strongest pixel of each image, strongest
    first. If there are fewer images than `examples`, it continues with the next strongest pixel of
    each image, at least a window away from those before. A ring marks the pixel in the middle of
    its surroundings, which are reflected at the image's borders. The number beside the row is the
    share of positions that use the atom.

    The strength of a use is the magnitude of the coefficient. For a codebook, which has no
    coefficients, it is the share of equal codes in the window around, which leads to the middle of
    the areas that use a code.

    Args:
        images: `(n, height, width, channels)`, uint8 or floats in 0..1, with 1 or 3 channels.
        indices: integers `(n, rows, cols)` or `(n, rows, cols, sparsity)`, the atoms at each
            position. A position is a pixel, or a square of pixels whose side divides height and
            width.
        coefficients: floats of the shape of `indices`, or None. An atom with coefficient 0 counts
            as not used.
        atoms: int >= 1, largest number of rows.
        examples: int >= 1, largest number of pixels in a row.
        window: int >= 1, height and width of the surroundings in pixels.
        map_of: int, number of an image on which each row first shows in colour where it uses the
            atom; or None.

    Returns:
        `matplotlib.figure.Figure`.

    Raises:
        TypeError: if `indices` are not integers.
        ValueError: if the arrays have other shapes, an index is negative, or a coefficient is not
            finite.
        ValueError: if `atoms`, `examples` or `window` is not an integer of at least 1.
        ValueError: if `map_of` is not the number of an image.
        ImportError: if matplotlib is not installed.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> indices = rng.integers(4, size=(2, 8, 8, 2))
        >>> coefficients = rng.normal(size=(2, 8, 8, 2))
        >>> figure = uk.plots.atom_gallery(
        ...     rng.random((2, 16, 16, 3)), indices, coefficients, atoms=2, examples=3, window=8
        ... )
        >>> len(figure.axes)
        6
    """
    images, indices = unit_floats("images", images), np.asarray(indices)
    coefficients = None if coefficients is None else np.asarray(coefficients)
    side = _check(images, indices, coefficients)
    check_integers(atoms=(1, atoms), examples=(1, examples), window=(1, window))
    atoms, examples, window = int(atoms), int(examples), int(window)
    if map_of is not None and map_of not in range(len(images)):
        raise ValueError(
            f"`map_of` must be the number of an image, below {len(images)}. Received: {map_of}"
        )
    reach = -(-window // side)  # in positions
    rows = [
        (name, share, strength, _strongest(strength, examples, reach))
        for name, share, strength in _most_used(indices, coefficients, atoms, reach)
    ]
    height, width = max(len(rows), 1), examples + (map_of is not None)
    figure, axes = new_figure(height, width, width + 0.8, height)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for row_axes, (name, share, strength, positions) in zip(axes, rows, strict=False):
        beside = {"transform": row_axes[0].transAxes, "ha": "right"}
        row_axes[0].text(-0.1, 0.52, name, va="bottom", **beside)
        row_axes[0].text(-0.1, 0.46, f"{share:.2g} %", va="top", color="0.4", fontsize=8, **beside)
        if map_of is not None:
            _draw_map(row_axes[0], images[map_of], strength[map_of])
            row_axes = row_axes[1:]
        for axis, (image, row, col) in zip(row_axes, positions, strict=False):
            pixel = row * side + side // 2, col * side + side // 2
            axis.imshow(_surroundings(images[image], *pixel, window), **SHADES)
            draw_ring(axis, window // 2, window // 2)
    return figure


def _draw_map(axis: "Axes", image: np.ndarray, strength: np.ndarray) -> None:
    """Draws an image in pale grey, and over it in colour where its positions use an atom."""
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    full = np.quantile(strength[strength > 0], STRONG) if strength.any() else 1.0
    colour = np.empty((*strength.shape, 4))
    colour[..., :3], colour[..., 3] = COLOUR, np.minimum(strength / full, 1)
    axis.imshow(PALE + (1 - PALE) * image.mean(axis=-1), **SHADES)
    axis.imshow(colour, extent=extent, interpolation="bilinear")


def _most_used(
    indices: np.ndarray, coefficients: np.ndarray | None, atoms: int, reach: int
) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yields names, shares of use in % and strengths `(n, rows, cols)` of the most used atoms."""
    indices = indices.astype("int32").reshape(*indices.shape[:3], -1)
    if coefficients is None:
        signed, magnitudes = indices, np.ones(indices.shape, "float32")
    else:
        coefficients = coefficients.reshape(indices.shape)
        # The complement of an index, a negative number, stands for the negative of the atom.
        signed, magnitudes = np.where(coefficients < 0, ~indices, indices), np.abs(coefficients)
    codes, counts = np.unique(signed[magnitudes > 0], return_counts=True)
    most_used = np.argsort(-counts, kind="stable")[:atoms]
    for code, count in zip(codes[most_used], counts[most_used], strict=True):
        strength = np.where(signed == code, magnitudes, 0).sum(axis=-1)
        if coefficients is None:
            name, strength = f"code {code}", strength * _sum_around(strength, reach)
        else:
            name = f"atom {code} +" if code >= 0 else f"atom {~code} −"  # noqa: RUF001
        yield name, 100 * count / indices[..., 0].size, strength


def _sum_around(values: np.ndarray, size: int) -> np.ndarray:
    """Returns sums over windows around all positions, `(n, rows, cols)`, with zeros outside."""
    for axis in (1, 2):
        pads = [(0, 0)] * 3
        pads[axis] = size // 2, (size - 1) // 2
        values = sliding_window_view(np.pad(values, pads), size, axis).sum(axis=-1)
    return values


def _strongest(strength: np.ndarray, count: int, distance: int) -> list[tuple[int, int, int]]:
    """Returns image, row and column of at most `count` positions with a strength above 0.

    Each round takes the strongest remaining position of every image, strongest first. Positions of
    one image differ by at least `distance` in row or column.
    """
    strength, positions = strength.copy(), []
    while len(positions) < count and strength.any():
        best = strength.reshape(len(strength), -1).argmax(axis=1)
        rows, cols = np.unravel_index(best, strength.shape[1:])
        values = strength[np.arange(len(strength)), rows, cols]
        order = np.argsort(-values, kind="stable")
        order = order[values[order] > 0][: count - len(positions)]
        for image, row, col in zip(order, rows[order], cols[order], strict=True):
            positions.append((image, row, col))
            near = [slice(max(at - distance + 1, 0), at + distance) for at in (row, col)]
            strength[image, *near] = 0
    return positions


def _surroundings(image: np.ndarray, row: int, col: int, window: int) -> np.ndarray:
    """Returns the window with a pixel at row and column `window // 2`, reflected at the borders."""
    rows_and_cols = [
        np.pad(np.arange(size), window, mode="reflect")[window + at - window // 2 :][:window]
        for at, size in zip((row, col), image.shape, strict=False)
    ]
    return np.squeeze(image[np.ix_(*rows_and_cols)], axis=() if image.shape[-1] == 3 else -1)


def _check(images: np.ndarray, indices: np.ndarray, coefficients: np.ndarray | None) -> int:
    """Checks the arrays and returns the side of the square of pixels that a code stands for."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "`images` must have shape (n, height, width, channels) with 1 or 3 channels. "
            f"Received: shape={images.shape}"
        )
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(f"`indices` must be integers. Received: dtype={indices.dtype}")
    sides = {
        size // positions if positions and size % positions == 0 else None
        for size, positions in zip(images.shape[1:3], indices.shape[1:3], strict=False)
    }
    whole = len(sides) == 1 and None not in sides
    if indices.ndim not in (3, 4) or len(indices) != len(images) or not whole:
        raise ValueError(
            "`indices` must have shape (n, rows, cols) or (n, rows, cols, sparsity), where rows "
            "and cols are height and width of `images`, or both divided by one integer. "
            f"Received: shape={indices.shape} for images of shape {images.shape}"
        )
    if indices.size and indices.min() < 0:
        raise ValueError(f"`indices` must be at least 0. Received: {indices.min()}")
    if coefficients is not None and not np.isfinite(coefficients).all():
        raise ValueError("`coefficients` must be finite. Received NaN or infinite numbers.")
    if coefficients is not None and coefficients.shape != indices.shape:
        raise ValueError(
            f"`coefficients` must have the shape of `indices`, {indices.shape}. "
            f"Received: shape={coefficients.shape}"
        )
    return int(sides.pop())
