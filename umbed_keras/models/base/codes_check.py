"""Checks of codes before they are decoded."""

from typing import Any

import numpy as np

from umbed_keras.bottlenecks.bottleneck import Bottleneck
from umbed_keras.images.arrays import to_host


def check_codes(codes: Any, bottleneck: Bottleneck) -> dict[str, np.ndarray]:
    """Returns a bottleneck's codes as NumPy arrays of the dtypes that `encode` gives.

    Backends differ in what they do with an index that does not exist: some fail, others decode
    another entry. So codes are checked before any backend sees them.

    Args:
        codes: dictionary of arrays or tensors that begin with `(batch, height, width)`.
        bottleneck: the `umbed_keras.layers.Bottleneck` that is to decode them.

    Returns:
        Dictionary of NumPy arrays with the keys, shapes and dtypes of `bottleneck.code_spec()`.

    Raises:
        ValueError: if `codes` is not a dictionary with exactly the bottleneck's keys.
        ValueError: if an array has another trailing shape, or the arrays differ in batch, height
            or width.
        ValueError: if indices are not integers or outside the range of the bottleneck.
        ValueError: if other numbers are not floating point or not finite.

    Examples:
        >>> bottleneck = uk.layers.VectorQuantizer(num_embeddings=4, latent_dim=2)
        >>> codes = check_codes({"indices": [[[0, 3]]]}, bottleneck)
        >>> codes["indices"].tolist()
        [[[0, 3]]]
    """
    spec = bottleneck.code_spec()
    if not isinstance(codes, dict) or set(codes) != set(spec):
        received = sorted(codes) if isinstance(codes, dict) else type(codes).__name__
        raise ValueError(
            f"`codes` must be a dictionary with the keys {sorted(spec)}. Received: {received}"
        )
    codes = {name: to_host(codes[name]) for name in spec}
    grid = next(iter(codes.values())).shape[:3]
    for name, (trailing, dtype) in spec.items():
        if codes[name].ndim != 3 + len(trailing) or codes[name].shape[3:] != trailing:
            raise ValueError(
                f"`codes[{name!r}]` must have shape (batch, height, width, *{trailing}). "
                f"Received: shape={codes[name].shape}"
            )
        if codes[name].shape[:3] != grid:
            shapes = {key: part.shape for key, part in codes.items()}
            raise ValueError(
                f"All `codes` must have one batch, height and width. Received: {shapes}"
            )
        if "int" in dtype:
            values = _check_indices(f"codes[{name!r}]", codes[name], bottleneck.num_indices)
        else:
            values = _check_numbers(f"codes[{name!r}]", codes[name])
        codes[name] = values.astype(dtype, copy=False)
    return codes


def _check_indices(name: str, values: np.ndarray, count: Any) -> np.ndarray:
    """Raises ValueError unless values are integers in 0..count - 1; `count` None has no limit."""
    if values.dtype.kind not in "iu":
        raise ValueError(f"`{name}` must be integers. Received: dtype={values.dtype}")
    if count is not None and ((values < 0) | (values >= count)).any():
        raise ValueError(
            f"`{name}` must lie in 0..{np.subtract(count, 1)}. "
            f"Received values from {values.min()} to {values.max()}"
        )
    return values


def _check_numbers(name: str, values: np.ndarray) -> np.ndarray:
    """Returns values as float32; raises ValueError unless they are finite numbers."""
    # `dtype.kind` does not tell that bfloat16, which JAX arrays may have, is floating point.
    if values.dtype.kind not in "fiu" and values.dtype.name != "bfloat16":
        raise ValueError(f"`{name}` must be floats. Received: dtype={values.dtype}")
    with np.errstate(over="ignore"):
        values = values.astype("float32", copy=False)
    if not np.isfinite(values).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values.")
    return values
