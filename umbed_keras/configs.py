"""Objects inside the configuration of a layer or a model."""

from collections.abc import Mapping
from typing import Any

import keras


def with_parts(config: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Deserialises the objects in a configuration, for `from_config`.

    Args:
        config: dictionary, as `get_config` returns it.
        *names: names of the entries that may hold serialised objects.

    Returns:
        The configuration with objects in these entries. Entries that are no serialised object,
        such as None, are kept.

    Examples:
        >>> bottleneck = uk.layers.GaussianBottleneck(4)
        >>> config = {"size": 8, "part": keras.saving.serialize_keras_object(bottleneck)}
        >>> config = with_parts(config, "part")
        >>> config["size"], config["part"].latent_dim
        (8, 4)
    """
    return {
        name: keras.saving.deserialize_keras_object(value)
        if name in names and isinstance(value, dict)
        else value
        for name, value in config.items()
    }
