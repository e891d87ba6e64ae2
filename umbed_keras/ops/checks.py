"""The checks that arguments of layers and models share."""

import numbers


def check_at_least(**sizes):
    """Raises ValueError unless each `name=(least, value)` holds."""
    for name, (least, value) in sizes.items():
        if not value >= least:
            raise ValueError(f"`{name}` must be at least {least}. Received: {value}")


def check_integers(**sizes):
    """Raises ValueError unless each `name=(least, value)` is an integer of at least that."""
    for name, (least, value) in sizes.items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or value % 1 or value < least:
            raise ValueError(f"`{name}` must be an integer >= {least}. Received: {value}")
