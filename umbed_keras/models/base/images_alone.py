"""Checks of arguments that models of images do not use."""

from typing import Any


def check_images_alone(method: str, **arguments: Any) -> None:
    """Raises ValueError if labels or weights are given to a method that takes images alone.

    Args:
        method: str, name of the method, for the message.
        **arguments: arguments that must be None.

    Raises:
        ValueError: if an argument is not None.

    Examples:
        >>> check_images_alone("fit", y=None, sample_weight=None)
        >>> check_images_alone("fit", y=[1, 2])
        Traceback (most recent call last):
        ValueError: `fit` takes images alone. Received: `y`
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"`{method}` takes images alone. Received: `{name}`")
