"""Hyperparameters in scopes: each scope has its own copy, under a name of its own."""

from collections.abc import Mapping
from typing import Any

import keras_tuner

# Between the name of a hyperparameter and its scope.
SEPARATOR = ", "


def scoped(name: str, scope: str) -> str:
    """Returns the name of a hyperparameter in a scope, `""` for none.

    Examples:
        >>> scoped("sparsity", "dictionary")
        'sparsity, dictionary'
        >>> scoped("sparsity", "")
        'sparsity'
    """
    return f"{name}{SEPARATOR}{scope}" if name and scope else name or scope


def choose_value(hp: keras_tuner.HyperParameters, name: str, choice: Any, scope: str = "") -> Any:
    """Registers a hyperparameter and returns its value.

    Args:
        hp: `keras_tuner.HyperParameters` of the trial.
        name: str, name without a scope.
        choice: a value, which is fixed, or a list or tuple of values to choose from.
        scope: str, scope that is added to the name.

    Returns:
        The value, or None if one of the conditional scopes that are open is not the trial's.

    Examples:
        >>> hp = keras_tuner.HyperParameters()
        >>> choose_value(hp, "levels", (4, 8), scope="scalar")
        4
        >>> hp.values
        {'levels, scalar': 4}
    """
    name = scoped(name, scope)
    if isinstance(choice, (list, tuple)):
        return hp.Choice(name, list(choice))
    return hp.Fixed(name, choice)


def hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the hyperparameters of a trial by their names without scopes.

    Those that KerasTuner keeps for itself are left out.

    Args:
        values: name to value, `values` of `keras_tuner.HyperParameters`.

    Examples:
        >>> hyperparameters({"levels, scalar": 4, "width": 8, "tuner/epochs": 3})
        {'levels': 4, 'width': 8}
    """
    return {
        name.partition(SEPARATOR)[0]: value
        for name, value in values.items()
        if not name.startswith("tuner/")
    }
