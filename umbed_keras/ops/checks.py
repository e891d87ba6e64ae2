"""Checks of numeric arguments, with error messages that name the argument.

Every package uses them on the arguments of its public classes and functions. A keyword of a check
is the name of the argument; its value is a pair of the lower bound and the argument's value.
"""

import numbers
from typing import Any


def check_at_least(**sizes: tuple[float, Any]) -> None:
    """Checks that numbers do not lie below their lower bounds.

    Args:
        **sizes: For each argument its name, and `(lower bound, value)`.

    Raises:
        ValueError: if a value is below its lower bound or is NaN.

    Examples:
        >>> check_at_least(kl_weight=(0, 0.5))
        >>> check_at_least(kl_weight=(0, -1.0))
        Traceback (most recent call last):
        ValueError: `kl_weight` must be at least 0. Received: -1.0
    """
    for name, (least, value) in sizes.items():
        if not value >= least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {value}")


def check_integers(**sizes: tuple[int, Any]) -> None:
    """Checks that values are integers that do not lie below their lower bounds.

    Floats without a fractional part, such as `4.0`, and NumPy integers pass; booleans do not.

    Args:
        **sizes: For each argument its name, and `(lower bound, value)`.

    Raises:
        ValueError: if a value is not a number, has a fractional part or is below its lower bound.

    Examples:
        >>> check_integers(latent_dim=(1, 16), levels=(2, 4.0))
        >>> check_integers(latent_dim=(1, 2.5))
        Traceback (most recent call last):
        ValueError: `latent_dim` must be an integer >= 1. Received: 2.5
    """
    for name, (least, value) in sizes.items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or value % 1 or value < least:
            raise ValueError(f"`{name}` must be an integer >= {least}. Received: {value}")
