"""Variables that hold statistics."""

import keras

from umbed_keras.typing import Shape


def add_state(
    layer: keras.layers.Layer,
    name: str,
    shape: Shape,
    initializer: str | keras.Initializer = "zeros",
) -> keras.Variable:
    """Adds a statistic to a layer.

    Args:
        layer: the layer, in its `build`.
        name: str, name of the variable.
        shape: its shape.
        initializer: str or `keras.Initializer`.

    Returns:
        A `keras.Variable` that is float32 whatever the layer's dtype policy, that no optimizer
        trains, and that is averaged over replicas.

    Examples:
        >>> layer = keras.layers.Layer(dtype="bfloat16")
        >>> usage = add_state(layer, "usage", (4,))
        >>> usage.dtype, usage.trainable
        ('float32', False)
    """
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer,
        dtype="float32",
        trainable=False,
        autocast=False,
        aggregation="mean",
    )
