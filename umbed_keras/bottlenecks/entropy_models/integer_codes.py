"""Entropy model of codes that are integers."""

import math
from collections.abc import Mapping

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import ENTRY, EntropyModel, Symbol
from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.typing import ArrayLike, Codes, Shape


class IntegerCodes(EntropyModel):
    """Entropy model of codes that are integers, each of which is one symbol.

    Args:
        code_spec: name to trailing shape and integer dtype of each part of the codes, as
            `Bottleneck.code_spec()` returns it.
        sizes: number of values of each integer, which lies in 0 to this minus 1: an int, or an
            array that broadcasts to the trailing shapes. None for any integers; `density` or
            `context` is then required.
        role: str, role of all symbols, `"entry"` or `"number"`.
        density: `FactorizedDensity` with a channel for each symbol, or None.
        context: `ScalarContext` with a channel for each symbol, or None.

    Examples:
        >>> model = IntegerCodes({"indices": ((2,), "int32")}, sizes=[8, 5])
        >>> model.symbols
        (Symbol(size=8, role='entry'), Symbol(size=5, role='entry'))
        >>> model.to_symbols({"indices": np.array([[7, 0], [3, 4]])}).tolist()
        [[7, 0], [3, 4]]
    """

    def __init__(
        self,
        code_spec: Mapping[str, tuple[Shape, str]],
        sizes: ArrayLike | None,
        role: str = ENTRY,
        density: FactorizedDensity | None = None,
        context: ScalarContext | None = None,
    ):
        self.code_spec = dict(code_spec)
        self.density, self.context = density, context
        self.symbols = tuple(
            Symbol(None if size is None else int(size), role)
            for shape, _ in self.code_spec.values()
            for size in np.broadcast_to(sizes, shape).ravel()
        )

    def to_symbols(self, codes: Codes) -> np.ndarray:
        """Joins the integers of all parts of the codes; see `EntropyModel.to_symbols`."""
        parts = []
        for name, (shape, _) in self.code_spec.items():
            part = np.asarray(codes[name])
            leading = part.shape[: part.ndim - len(shape)]
            parts.append(part.reshape(*leading, math.prod(shape)))
        symbols = np.concatenate(parts, axis=-1).astype("int32")
        for column, (size, _) in enumerate(self.symbols):
            values = symbols[..., column]
            if size is not None and not ((values >= 0) & (values < size)).all():
                raise ValueError(
                    f"An integer of the codes lies outside 0 to {size - 1}. "
                    f"Received: {values.min()} to {values.max()}"
                )
        return symbols

    def from_symbols(self, symbols: np.ndarray) -> dict[str, np.ndarray]:
        """Splits symbols into the parts of the codes; see `EntropyModel.from_symbols`."""
        codes, start = {}, 0
        for name, (shape, dtype) in self.code_spec.items():
            stop = start + math.prod(shape)
            part = symbols[..., start:stop]
            codes[name] = part.reshape(*symbols.shape[:-1], *shape).astype(dtype)
            start = stop
        return codes
