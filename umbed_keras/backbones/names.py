"""Errors for names that do not exist, with those that do."""

import difflib
from collections.abc import Sequence


def check_known(kind: str, name: str, known: Sequence[str], listed: int = 50) -> None:
    """Checks that a name exists.

    Args:
        kind: str, for the message: what is named.
        name: the name.
        known: the names that exist.
        listed: int, largest number of names in the message.

    Raises:
        ValueError: if `known` does not have the name. The message lists those that it has, the most
            similar first.

    Examples:
        >>> check_known("network", "VGG17", ["MobileNet", "VGG16", "VGG19"])
        Traceback (most recent call last):
        ValueError: There is no network 'VGG17'. There are 3, the most similar first: VGG19, VGG16,
        MobileNet
    """
    if name in known:
        return
    by_lower = {one.lower(): one for one in known}
    near = [one for one in by_lower if name and name.lower() in one]
    near += difflib.get_close_matches(name.lower(), by_lower, n=8, cutoff=0.5)
    names = list(dict.fromkeys([*(by_lower[one] for one in near), *known]))
    more = ", ..." if len(names) > listed else ""
    raise ValueError(
        f"There is no {kind} {name!r}. There are {len(names)}, the most similar first: "
        f"{', '.join(names[:listed])}{more}"
    )
