"""Cosine similarity of the vectors of an image's pixels."""

import numbers

import numpy as np


def cosines_to(vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Returns the cosines of the angles between many vectors and one.

    A vector of zeros has no direction; its cosine is 0.

    Args:
        vectors: float array `(..., latent_dim)`.
        vector: float array `(latent_dim,)`.

    Returns:
        Float array `(...)` with values in -1..1, of the dtype of `vectors`.

    Examples:
        >>> vectors = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, -3.0]]])
        >>> cosines_to(vectors, np.array([0.5, 0.0])).round(3).tolist()
        [[1.0, 0.707, 0.0]]
    """
    return _directions(vectors) @ _directions(vector)


def check_pixel(shape: tuple[int, ...], row: int, col: int) -> None:
    """Checks that a pixel lies inside an image.

    Args:
        shape: shape of the image, `(height, width, ...)`.
        row: int, the pixel's row.
        col: int, the pixel's column.

    Raises:
        ValueError: if `row` is no integer from 0 to height - 1.
        ValueError: if `col` is no integer from 0 to width - 1.

    Examples:
        >>> check_pixel((4, 6, 3), row=3, col=5)
        >>> check_pixel((4, 6, 3), row=4, col=5)
        Traceback (most recent call last):
        ValueError: `row` must be an integer from 0 to 3. Received: 4
    """
    for name, index, size in zip(("row", "col"), (row, col), shape, strict=False):
        if not isinstance(index, numbers.Integral) or index not in range(size):
            raise ValueError(f"`{name}` must be an integer from 0 to {size - 1}. Received: {index}")


def _directions(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
