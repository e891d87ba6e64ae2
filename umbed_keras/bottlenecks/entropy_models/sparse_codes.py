"""Entropy model of sparse codes with quantised coefficients."""

import numpy as np

from umbed_keras.bottlenecks.entropy_models.entropy_model import (
    COUNT,
    ENTRY,
    FACTOR,
    EntropyModel,
    Symbol,
)
from umbed_keras.typing import Codes


class SparseCodes(EntropyModel):
    """Entropy model of sparse codes: pairs of an atom and the level of its coefficient.

    Args:
        num_atoms: int, number of atoms of the dictionary.
        sparsity: int, number of pairs in a code.
        levels: float32 array `(n,)`: the values of a quantised coefficient in rising
            order, symmetric about 0.
        counted: bool, whether a code may have fewer than `sparsity` atoms. Then the first symbol is
            the number of atoms, and the pairs beyond it cost nothing. Their indices and
            coefficients must be 0.

    Examples:
        >>> levels = np.array([-1, 0, 1], "float32")
        >>> model = SparseCodes(num_atoms=16, sparsity=2, levels=levels, counted=True)
        >>> codes = {"indices": np.array([[5, 0]]), "coefficients": np.array([[-1.0, 0.0]])}
        >>> model.to_symbols(codes).tolist()
        [[1, 5, 0, 0, 1]]
    """

    def __init__(self, num_atoms: int, sparsity: int, levels: np.ndarray, counted: bool):
        self.sparsity, self.levels, self.counted = sparsity, levels, counted
        pair = (Symbol(num_atoms, ENTRY), Symbol(len(levels), FACTOR))
        count = (Symbol(sparsity + 1, COUNT),) if counted else ()
        self.symbols = count + pair * sparsity

    def to_symbols(self, codes: Codes) -> np.ndarray:
        """Interleaves indices and numbers of levels; see `EntropyModel.to_symbols`."""
        indices, coefficients = codes["indices"], codes["coefficients"]
        levels = self.levels
        middles = (levels[1:] + levels[:-1]) / 2
        steps = np.searchsorted(middles, coefficients)
        if np.abs(levels[steps] - coefficients).max(initial=0) > 1e-5 * levels[-1]:
            raise ValueError("`coefficients` must be steps of the quantiser, as `encode` gives.")
        pairs = np.stack([indices, steps.astype("int32")], axis=-1)
        symbols = pairs.reshape(*indices.shape[:-1], 2 * self.sparsity)
        if not self.counted:
            return symbols
        ranks = np.arange(1, self.sparsity + 1, dtype="int32")
        counts = np.max(ranks * (coefficients != 0), axis=-1, keepdims=True)
        return np.concatenate([counts, symbols], axis=-1)

    def from_symbols(self, symbols: np.ndarray) -> dict[str, np.ndarray]:
        """Returns indices and coefficients; see `EntropyModel.from_symbols`."""
        symbols = symbols[..., int(self.counted) :]
        pairs = symbols.reshape(*symbols.shape[:-1], self.sparsity, 2)
        return {"indices": pairs[..., 0], "coefficients": self.levels[pairs[..., 1]]}
