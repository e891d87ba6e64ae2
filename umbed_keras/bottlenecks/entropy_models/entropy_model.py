"""Symbols, and the base class of entropy models."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from umbed_keras.bottlenecks.factorized_density import FactorizedDensity
from umbed_keras.bottlenecks.scalar_context import ScalarContext
from umbed_keras.typing import Codes

# Roles of symbols.
ENTRY, NUMBER, FACTOR, COUNT = "entry", "number", "factor", "count"


class Symbol(NamedTuple):
    """One of the integers that make up the code of a latent vector.

    Attributes:
        size: int, number of values: the symbol lies in 0 to `size - 1`. None for any integer.
        role: str, what the value means, which decides how a codec predicts other symbols from it.
            `"entry"`: one of `size` unrelated things, such as an entry of a codebook.
            `"number"`: a point on a scale with zero in the middle.
            `"factor"`: a point on such a scale, by which the entry before it is multiplied.
            `"count"`: how many of the entries that follow are present; only the first symbol may
            be one. Entries that are absent are 0, and their factors `size // 2`.

    Examples:
        >>> Symbol(512, ENTRY)
        Symbol(size=512, role='entry')
    """

    size: int | None
    role: str


class EntropyModel:
    """Base class of entropy models, which tell a codec how to write codes as bytes.

    The code of a latent vector becomes a fixed number of integers, its symbols. The codec writes
    each symbol in as many bits as its value is improbable. The probabilities come from one of three
    sources:

    - A network that the codec trains on codes (`model.adapt_codec`). It predicts each symbol of a
      code from the codes of four neighbours and from the symbols before it in the same code. This
      is the source if `density` and `context` are None. All symbols have a size.
    - `density`: one distribution for each symbol, which the bottleneck has learned. The codec
      stores its tables.
    - `context`: the bottleneck's own predictions from neighbours. The codec repeats them in
      integers, and nothing needs to be stored.

    Subclasses set `symbols` and implement `to_symbols` and `from_symbols`. If the symbols depend on
    more than the bottleneck's weights, subclasses also implement `settings` and `with_settings`.

    Attributes:
        symbols: tuple of `Symbol`, in the order of coding.
        density: `FactorizedDensity` with a channel for each symbol, or None.
        context: `ScalarContext` with a channel for each symbol, or None.

    Examples:
        >>> class Signs(EntropyModel):
        ...     symbols = (Symbol(2, ENTRY),)
        ...
        ...     def to_symbols(self, codes):
        ...         return (codes["sign"] > 0).astype("int32")
        ...
        ...     def from_symbols(self, symbols):
        ...         return {"sign": 2 * symbols - 1}
        >>> symbols = Signs().to_symbols({"sign": np.array([[-1], [1]])})
        >>> Signs().from_symbols(symbols)["sign"].tolist()
        [[-1], [1]]
    """

    symbols: tuple[Symbol, ...] = ()
    density: FactorizedDensity | None = None
    context: ScalarContext | None = None

    @property
    def needs_adapting(self) -> bool:
        """Whether a codec must learn or store something before it can write codes."""
        return self.context is None

    def settings(self, codes: Sequence[Codes]) -> dict[str, np.ndarray]:
        """Chooses what the symbols depend on besides the weights of the bottleneck.

        A codec calls this once, when it learns from codes, and stores the result.

        Args:
            codes: Codes of many latent vectors, as NumPy arrays.

        Returns:
            Small arrays by name, the argument of `with_settings`. Empty by default.
        """
        return {}

    def with_settings(self, settings: Mapping[str, np.ndarray]) -> "EntropyModel":
        """Returns the entropy model with the arrays that `settings` returned.

        Args:
            settings: Arrays by name, possibly read from a file.

        Returns:
            An `EntropyModel` whose symbols are known.

        Raises:
            ValueError: if `settings` does not fit this entropy model.
        """
        if settings:
            raise ValueError(
                "The codec is another bottleneck's: this one has no settings. "
                f"Received: {sorted(settings)}"
            )
        return self

    def to_symbols(self, codes: Codes) -> np.ndarray:
        """Converts codes to symbols.

        Args:
            codes: Codes as NumPy arrays, each of shape `(..., *trailing shape)`.

        Returns:
            int32 array `(..., len(symbols))`.

        Raises:
            ValueError: if the codes cannot be converted exactly.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `to_symbols`.")

    def from_symbols(self, symbols: np.ndarray) -> dict[str, np.ndarray]:
        """Converts symbols back to codes.

        Args:
            symbols: int32 array `(..., len(symbols))`, from `to_symbols`.

        Returns:
            Codes as NumPy arrays, each of shape `(..., *trailing shape)`.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement `from_symbols`.")
