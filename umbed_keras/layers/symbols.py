"""What an entropy coder sees of codes: integers of known ranges."""

from typing import NamedTuple

# What a symbol means: one of many things; a point on a scale, whose middle is zero; or such a
# point, which multiplies the entry before it.
ENTRY, NUMBER, FACTOR = "entry", "number", "factor"


class Symbol(NamedTuple):
    """One of the integers that a latent vector's code consists of.

    Attributes:
        size: int, it lies in 0 to this less 1.
        role: `"entry"`, `"number"` or `"factor"`.
    """

    size: int
    role: str
